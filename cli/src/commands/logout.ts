import { createPigeon, PigeonError } from '@pigeon/sdk'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { readSessions, sessionFor, withoutSession, writeSessions } from '#session.ts'

export const logout = command({
  name: 'logout',
  summary: 'Ends the session, there and here.',
  positionals: [],
  options: {},
  example: 'pigeon logout',
  run: async (context) => {
    const { configDir } = context.settings
    const sessions = await readSessions(configDir)
    const session = sessionFor(sessions, context.url, new Date())
    if (session !== undefined) await endSession(context.url, session.token)
    await writeSessions(configDir, withoutSession(sessions, context.url))
    const wasSignedIn = session !== undefined
    context.out.result({ url: context.url, signed_out: wasSignedIn }, () => [
      wasSignedIn ? `Signed out at ${context.url}.` : `Nobody was signed in at ${context.url}.`,
    ])
    return EXIT.ok
  },
})

/** A session that the server does not know any more is ended already. */
async function endSession(url: string, token: string): Promise<void> {
  try {
    await createPigeon({ baseUrl: url, token }).POST('/v1/auth/logout')
  } catch (error) {
    if (!(error instanceof PigeonError) || error.status !== 401) throw error
  }
}
