import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A sign-in at one installation. */
export interface Session {
  readonly token: string
  readonly expiresAt: string
  readonly email: string
}

/** Sign-ins by the origin of their installation, so that a token goes to nobody else; and the last one used. */
export interface Sessions {
  readonly current: string | null
  readonly byOrigin: Readonly<Record<string, Session>>
}

const NONE: Sessions = { current: null, byOrigin: {} }

export function sessionFile(configDir: string): string {
  return join(configDir, 'sessions.json')
}

/** A file that is missing or not ours counts as no sign-in. */
export async function readSessions(configDir: string): Promise<Sessions> {
  try {
    return parseSessions(JSON.parse(await readFile(sessionFile(configDir), 'utf8')))
  } catch {
    return NONE
  }
}

/** Only this user may read it (0600), and a crash leaves the old file or the new one. */
export async function writeSessions(configDir: string, sessions: Sessions): Promise<void> {
  await mkdir(configDir, { recursive: true, mode: 0o700 })
  const path = sessionFile(configDir)
  const partial = `${path}.${process.pid}`
  try {
    await writeFile(partial, `${JSON.stringify(sessions, null, 2)}\n`, { mode: 0o600 })
    await chmod(partial, 0o600)
    await rename(partial, path)
  } finally {
    await rm(partial, { force: true })
  }
}

export function withSession(sessions: Sessions, url: string, session: Session): Sessions {
  const { origin } = new URL(url)
  return { current: url, byOrigin: { ...sessions.byOrigin, [origin]: session } }
}

export function withoutSession(sessions: Sessions, url: string): Sessions {
  const { origin } = new URL(url)
  const { [origin]: _gone, ...byOrigin } = sessions.byOrigin
  return { current: sessions.current === url ? null : sessions.current, byOrigin }
}

/** The sign-in for `url`, unless it is over. */
export function sessionFor(sessions: Sessions, url: string, now: Date): Session | undefined {
  const session = sessions.byOrigin[new URL(url).origin]
  if (session === undefined || new Date(session.expiresAt) <= now) return undefined
  return session
}

function parseSessions(value: unknown): Sessions {
  if (!isObject(value) || !isObject(value.byOrigin)) return NONE
  const byOrigin: Record<string, Session> = {}
  for (const [origin, session] of Object.entries(value.byOrigin)) {
    if (isSession(session)) byOrigin[origin] = session
  }
  return { current: typeof value.current === 'string' ? value.current : null, byOrigin }
}

function isSession(value: unknown): value is Session {
  if (!isObject(value)) return false
  return [value.token, value.expiresAt, value.email].every((each) => typeof each === 'string')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
