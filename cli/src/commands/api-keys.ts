import { take } from '@pigeon/sdk'
import { collect, LIMIT_OPTION, oneOf } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { checkedId } from '#find-by-name.ts'
import { table, time } from '#output.ts'

const createApiKey = command({
  name: 'api-keys create',
  summary: 'Makes an API key and shows it, once.',
  positionals: ['NAME'],
  options: {
    mode: {
      type: 'string',
      value: 'sandbox|live',
      description: 'In sandbox no message leaves the machine (sandbox).',
    },
    expires: { type: 'string', value: 'TIME', description: 'Like 2027-01-01T00:00:00Z; never when absent.' },
  },
  example: 'pigeon api-keys create "shop server"',
  run: async (context, { values, positionals: [name] }) => {
    const body = {
      name,
      ...(values.mode === undefined ? {} : { mode: oneOf('--mode', values.mode, ['sandbox', 'live']) }),
      ...(values.expires === undefined ? {} : { expires_at: values.expires }),
    }
    const made = await take(context.signedIn().POST('/v1/api-keys', { body }))
    context.out.result(made, () => [
      `${made.id}  ${made.name} (${made.mode})`,
      made.key,
      'It is not shown again.',
    ])
    return EXIT.ok
  },
})

const listApiKeys = command({
  name: 'api-keys list',
  summary: 'API keys, newest first, revoked ones too.',
  positionals: [],
  options: { limit: LIMIT_OPTION },
  example: 'pigeon api-keys list',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const keys = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/api-keys', { params: { query: { ...page } } })),
    )
    context.out.result(keys, () =>
      table(
        ['id', 'name', 'begins', 'mode', 'last used', 'expires', 'revoked'],
        keys.map((each) => [
          each.id,
          each.name,
          each.prefix,
          each.mode,
          time(each.last_used_at),
          time(each.expires_at),
          time(each.revoked_at),
        ]),
      ),
    )
    return EXIT.ok
  },
})

const revokeApiKey = command({
  name: 'api-keys revoke',
  summary: 'Revokes an API key for good.',
  positionals: ['ID'],
  options: {},
  example: 'pigeon api-keys revoke 0199f2d4-7a10-7c3e-8b1a-5f3f0a2f9c11',
  run: async (context, { positionals: [text] }) => {
    const id = checkedId('an API key', text)
    await context.signedIn().DELETE('/v1/api-keys/{id}', { params: { path: { id } } })
    context.out.result({ id, revoked: true }, () => [`${id} is revoked.`])
    return EXIT.ok
  },
})

export const apiKeys = [createApiKey, listApiKeys, revokeApiKey]
