// Runs as a child of scenarios: the platform that `npm start` runs, without its first campaign. It tells its parent
// what runs where, and stops at SIGTERM or when the parent is gone.
import { Problem } from '#platform/problem.ts'
import { startPlatform } from '#roles/start-platform.ts'
import type { FromPlatform } from './platform.ts'

const tell = (message: FromPlatform): void => void process.send?.(message)

try {
  const platform = await startPlatform(process.env)
  let isStopping = false
  const stop = async (code: number): Promise<void> => {
    if (isStopping) return
    isStopping = true
    await platform.stop()
    process.exit(code)
  }
  process.on('SIGTERM', () => void stop(0))
  process.on('disconnect', () => void stop(0))
  process.on('message', () => tell({ kind: 'processes', processes: platform.supervised.list() }))
  void platform.failed.then((problem) => {
    process.stderr.write(`${problem.message}\n`)
    return stop(1)
  })
  tell({ kind: 'ready', seconds: platform.readySeconds })
} catch (error) {
  if (!(error instanceof Problem)) throw error
  tell({ kind: 'failed', code: error.code, message: error.message })
  process.exit(1)
}
