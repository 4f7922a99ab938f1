#!/usr/bin/env node
import { run } from '#run.ts'
import { readSettings } from '#settings.ts'

// Whoever reads us may have seen enough (`pigeon ... | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
process.exitCode = await run(process.argv.slice(2), readSettings(), {
  stdout: process.stdout,
  stderr: process.stderr,
})
