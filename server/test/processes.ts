import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { waitFor } from './wait-for.ts'

const GONE_DEADLINE_MS = 60_000

/** SIGKILL, and waits until the process is gone. */
export async function killProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await waitFor(`process ${pid} to be gone`, () => !isRunning(pid), GONE_DEADLINE_MS)
}

/** Whether a process runs; one that has ended and is not yet taken note of by its parent does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch {
    return false
  }
}

/** Processes with this directory in their command line or environment. Nothing on a system without /proc. */
export async function processesThatName(dir: string): Promise<{ pid: number; command: string }[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  const read = (pid: string, what: string): Promise<string> =>
    readFile(`/proc/${pid}/${what}`, 'utf8').catch(() => '')
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const command = await read(pid, 'cmdline')
      const isOurs = command.includes(dir) || (await read(pid, 'environ')).includes(dir)
      const found = { pid: Number(pid), command: command.replaceAll('\0', ' ').trim() }
      return isOurs && !isZombie(found.pid) ? [found] : []
    }),
  )
  return lines.flat()
}

function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    // Gone, or a system without /proc.
    return false
  }
}
