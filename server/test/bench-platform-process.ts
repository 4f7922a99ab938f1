import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { startPlatform } from '#roles/start-platform.ts'
import type { BenchEndpoints } from './bench-platform.ts'

/**
 * The supervisor of a benchmark, in a process of its own, so that what the benchmark itself uses is not counted. It runs in
 * the temporary directory that holds its data, and deletes it at the end, also when the benchmark was interrupted.
 */
const dir = process.cwd()
let ending: Promise<never> | undefined

async function end(code: number, platform?: { stop(): Promise<void> }): Promise<never> {
  await platform?.stop()
  process.chdir(tmpdir())
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  return process.exit(code)
}

const starting = startPlatform(process.env, { without: process.argv.slice(2) })
// From the first moment: a start that is interrupted is finished, and stopped.
const stop = (): void =>
  void (ending ??= starting.then(
    (platform) => end(0, platform),
    () => end(1),
  ))
process.on('SIGTERM', stop)
// Ctrl-C reaches us as well as the benchmark, which disconnects by ending.
process.on('SIGINT', stop)
process.on('disconnect', stop)
try {
  const { endpoints } = await starting
  if (process.connected) process.send?.(endpoints satisfies BenchEndpoints)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  ending ??= end(1)
}
