import type { Config } from '#config/sections.ts'
import { createContext, type Endpoints, type Place, type RunningRole, type StartRole } from './context.ts'

/** What the supervisor tells a child, and the child the supervisor. */
export interface StartMessage {
  readonly kind: 'start'
  readonly endpoints: Endpoints
  readonly place: Place
}
export interface ReadyMessage {
  readonly kind: 'ready'
}
export interface FailedMessage {
  readonly kind: 'failed'
  readonly message: string
}

/** Runs roles in this process until a signal, or until the supervisor is gone. */
export async function runRoles(
  config: Config,
  roles: Readonly<Record<string, StartRole>>,
  endpoints: Endpoints,
  place: Place,
): Promise<void> {
  const running: RunningRole[] = []
  let isStopping = false
  async function stop(): Promise<void> {
    if (isStopping) return
    isStopping = true
    const timer = setTimeout(() => process.exit(1), config.PIGEON_SHUTDOWN_SECONDS * 1000)
    for (const role of running.toReversed()) await role.stop()
    clearTimeout(timer)
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
  // A supervisor that was killed takes its children along: nobody would start or stop them any more.
  process.on('disconnect', () => void stop())
  for (const [name, start] of Object.entries(roles))
    running.push(await start(await createContext(config, name, endpoints, place)))
  process.send?.({ kind: 'ready' } satisfies ReadyMessage)
}

/** Waits for the supervisor's word about where things are. */
export async function waitForStart(): Promise<StartMessage> {
  return new Promise((resolve) => {
    process.once('message', (message: StartMessage) => resolve(message))
  })
}
