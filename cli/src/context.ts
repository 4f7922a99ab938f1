import { createPigeon, type Pigeon } from '@pigeon/sdk'
import { EXIT, Failure, usageFailure } from '#exit-codes.ts'
import { createOutput, type Output, type Streams } from '#output.ts'
import { readSessions, sessionFor } from '#session.ts'
import type { Settings } from '#settings.ts'

/** What a command is given. */
export interface Context {
  /** Of the installation. */
  readonly url: string
  readonly out: Output
  readonly settings: Settings
  /** Without credentials: for set-up and sign-in. */
  readonly visitor: Pigeon
  /** With the API key or the sign-in; ends the command when there is none. */
  signedIn(options?: { readonly timeoutMs: number }): Pigeon
}

export interface Globals {
  readonly json?: boolean | undefined
  readonly url?: string | undefined
}

const DEFAULT_URL = 'http://localhost:3000'

export async function createContext(
  settings: Settings,
  streams: Streams,
  globals: Globals,
): Promise<Context> {
  const sessions = await readSessions(settings.configDir)
  const url = checkedUrl(globals.url ?? settings.url ?? sessions.current ?? DEFAULT_URL)
  const session = sessionFor(sessions, url, new Date())
  const token = settings.apiKey ?? session?.token
  return {
    url,
    out: createOutput(streams, globals.json === true),
    settings,
    visitor: createPigeon({ baseUrl: url }),
    signedIn: (options) => {
      if (token !== undefined) return createPigeon({ baseUrl: url, token, ...options })
      throw new Failure(`You are not signed in at ${url}.`, EXIT.notSignedIn)
    },
  }
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:'))
    return text.replace(/\/+$/, '')
  throw usageFailure(`${JSON.stringify(text)} is not an address like https://mail.example.com.`)
}
