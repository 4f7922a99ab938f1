import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { superuserOf, type RunningPlatform } from './platform.ts'

export interface RoleProcess {
  readonly pid: number
  /** SIGTERM, and waits for its end. */
  stop(): Promise<void>
}

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const STOP_DEADLINE_MS = 60_000
/** A role that delivers asks the history nothing. */
const NO_HISTORY = 'http://127.0.0.1:9'

/** One more deliver process of a platform, as `main.ts deliver` starts it in a cluster: nobody looks after it. */
export async function startLoneDeliver(platform: RunningPlatform): Promise<RoleProcess> {
  const { host, port, user, password, database } = await superuserOf(platform.dataDir)
  const place = new URLSearchParams({ host, port: String(port) })
  const child = spawn(process.execPath, [MAIN, 'deliver'], {
    env: {
      ...platform.env,
      PIGEON_POSTGRES_URL: `postgres://${user}:${encodeURIComponent(password)}@localhost/${database}?${place.toString()}`,
      PIGEON_CLICKHOUSE_URL: NO_HISTORY,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await once(child, 'spawn')
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit', { signal: AbortSignal.timeout(STOP_DEADLINE_MS) })
      child.kill('SIGTERM')
      await ended
    },
  }
}
