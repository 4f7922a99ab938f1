import { startPlatform } from '#roles/start-platform.ts'
import type { BenchEndpoints } from './bench-platform.ts'

/** The supervisor of a benchmark, in a process of its own, so that what the benchmark itself uses is not counted. */
try {
  const platform = await startPlatform(process.env, { without: process.argv.slice(2) })
  const stop = (): void => void platform.stop().then(() => process.exit(0))
  process.once('SIGTERM', stop)
  process.once('disconnect', stop)
  process.send?.(platform.endpoints satisfies BenchEndpoints)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
