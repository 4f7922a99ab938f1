import { execFile } from 'node:child_process'
import { readFile, readlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const PS_TIMEOUT_MS = 5_000

/**
 * Tells two processes apart that had the same pid one after the other: the start time where the system shows
 * it (Linux), else a constant. Null when no such process runs (one that has ended and was not reaped counts as gone).
 */
export async function processIdentity(pid: number): Promise<string | null> {
  if (!Number.isInteger(pid) || pid <= 0 || !isSignalable(pid)) return null
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (stat === null) return process.platform === 'linux' ? null : 'running'
  return startTimeOf(stat)
}

/** proc(5): what follows the command's closing bracket is the state (field 3) ... start time (field 22). */
function startTimeOf(stat: string): string | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? 'running')
}

function isSignalable(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

/** Whether the process is a PostgreSQL server on exactly this data directory (each of them works inside it). */
export async function servesCluster(pid: number, clusterDir: string): Promise<boolean> {
  if ((await processIdentity(pid)) === null) return false
  if (process.platform === 'linux') {
    const [exe, cwd] = await Promise.all([
      readlink(`/proc/${pid}/exe`).catch(() => ''),
      readlink(`/proc/${pid}/cwd`).catch(() => ''),
    ])
    return basename(exe.replace(/ \(deleted\)$/, '')) === 'postgres' && cwd === clusterDir
  }
  const command = await run('ps', ['-p', String(pid), '-o', 'command='], { timeout: PS_TIMEOUT_MS }).catch(
    () => null,
  )
  return command !== null && command.stdout.includes('postgres') && command.stdout.includes(clusterDir)
}

/** The `code` of a system or database error, `''` when it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
