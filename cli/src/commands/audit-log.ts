import { take } from '@pigeon/sdk'
import { collect, LIMIT_OPTION } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { table, time } from '#output.ts'

export const auditLog = command({
  name: 'audit-log',
  summary: 'Who changed what, when and from where, newest first.',
  positionals: [],
  options: {
    action: { type: 'string', value: 'NAME', description: 'Only this one, like lanes.pause.' },
    limit: LIMIT_OPTION,
  },
  example: 'pigeon audit-log --action lanes.pause',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const action = values.action === undefined ? {} : { action: values.action }
    const entries = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/audit-log', { params: { query: { ...page, ...action } } })),
    )
    context.out.result(entries, () =>
      table(
        ['at', 'user', 'from', 'action', 'to', 'after'],
        entries.map((entry) => [
          time(entry.at),
          entry.user_id,
          entry.address,
          entry.action,
          entry.subject,
          entry.after === null ? '-' : JSON.stringify(entry.after),
        ]),
      ),
    )
    return EXIT.ok
  },
})
