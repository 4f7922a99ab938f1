import { take } from '@pigeon/sdk'
import { command } from '#command.ts'
import type { Context } from '#context.ts'
import { EXIT, Failure, usageFailure } from '#exit-codes.ts'
import { ask, askSecret, isInteractive, readStdin } from '#prompt.ts'
import { readSessions, sessionFile, withSession, writeSessions } from '#session.ts'

export const login = command({
  name: 'login',
  summary: 'Signs in, and makes the owner when the installation has none yet.',
  positionals: [],
  options: {
    email: { type: 'string', value: 'ADDRESS', description: 'Asked for when absent.' },
    'password-stdin': {
      type: 'boolean',
      description:
        'Reads the password from standard input. PIGEON_PASSWORD works too; otherwise it is asked for.',
    },
    'create-owner': {
      type: 'boolean',
      description: 'Makes the owner without asking when the installation has none.',
    },
    tenant: { type: 'string', value: 'NAME', description: 'Name of the tenant that is made with the owner.' },
    'time-zone': { type: 'string', value: 'NAME', description: "The tenant's, like Europe/Lisbon." },
  },
  example: 'pigeon login --email owner@example.com',
  run: async (context, { values }) => {
    const { visitor, out } = context
    const { needed } = await take(visitor.GET('/v1/setup'))
    const isNew = needed && (values['create-owner'] === true || (await wantsOwner(context)))
    if (needed && !isNew)
      throw new Failure(
        'Nobody owns this installation yet. Run pigeon login --create-owner to make its owner.',
      )
    const email = values.email ?? (await askFor('E-mail: ', '--email'))
    const password = await passwordOf(context, values['password-stdin'] === true, isNew)
    if (isNew) {
      const tenant = values.tenant ?? email.split('@')[1] ?? 'My tenant'
      const zone = values['time-zone']
      await take(
        visitor.POST('/v1/setup', {
          body: { email, password, tenant_name: tenant, ...(zone === undefined ? {} : { time_zone: zone }) },
        }),
      )
      out.note(`The owner ${email} and the tenant ${tenant} are made.`)
    }
    const answer = await take(visitor.POST('/v1/auth/login', { body: { email, password } }))
    const { configDir } = context.settings
    const session = { token: answer.access_token, expiresAt: answer.expires_at, email: answer.user.email }
    await writeSessions(configDir, withSession(await readSessions(configDir), context.url, session))
    const result = {
      url: context.url,
      email: session.email,
      role: answer.user.role,
      expires_at: answer.expires_at,
    }
    out.result(result, () => [
      `Signed in at ${context.url} as ${session.email} (${result.role}) until ${session.expiresAt}.`,
      `The session is in ${sessionFile(configDir)}.`,
    ])
    return EXIT.ok
  },
})

async function wantsOwner(context: Context): Promise<boolean> {
  if (!isInteractive()) return false
  const answer = await ask(`Nobody owns ${context.url} yet. Make its owner now? [Y/n] `)
  return answer === '' || /^y(es)?$/i.test(answer)
}

async function askFor(question: string, option: string): Promise<string> {
  if (!isInteractive()) throw usageFailure(`Give ${option}: there is no terminal to ask on.`)
  return ask(question)
}

async function passwordOf(context: Context, isOnStdin: boolean, isNew: boolean): Promise<string> {
  if (isOnStdin) return readStdin()
  if (context.settings.password !== undefined) return context.settings.password
  if (!isInteractive())
    throw usageFailure(
      'Give the password by --password-stdin or PIGEON_PASSWORD: there is no terminal to ask on.',
    )
  const password = await askSecret(isNew ? 'New password (at least 10 characters): ' : 'Password: ')
  if (isNew && (await askSecret('The same again: ')) !== password)
    throw new Failure('The two passwords differ.')
  return password
}
