import { homedir } from 'node:os'
import { join } from 'node:path'

/** What the environment says to the command. This is the only file that reads it. */
export interface Settings {
  readonly url: string | undefined
  readonly apiKey: string | undefined
  readonly password: string | undefined
  /** Where the sign-in is kept. */
  readonly configDir: string
}

export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const base = given(env.XDG_CONFIG_HOME) ?? join(given(env.HOME) ?? homedir(), '.config')
  return {
    url: given(env.PIGEON_URL),
    apiKey: given(env.PIGEON_API_KEY),
    password: given(env.PIGEON_PASSWORD),
    configDir: join(base, 'pigeon'),
  }
}

/** An empty variable is one that is not set. */
function given(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value
}
