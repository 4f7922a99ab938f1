import { take } from '@pigeon/sdk'
import { collect, LIMIT_OPTION } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { number, table, time } from '#output.ts'

export const alerts = command({
  name: 'alerts',
  summary: 'What goes on that somebody should look at, newest first.',
  positionals: [],
  options: {
    all: { type: 'boolean', description: 'What is over, too.' },
    limit: LIMIT_OPTION,
  },
  example: 'pigeon alerts --all',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const open = values.all === true ? {} : { open: true }
    const found = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/alerts', { params: { query: { ...page, ...open } } })),
    )
    context.out.result(found, () =>
      table(
        ['raised', 'resolved', 'what', 'provider', 'source', 'times', 'why'],
        found.map((alert) => [
          time(alert.raised_at),
          time(alert.resolved_at),
          alert.kind,
          alert.mode === 'live' ? alert.provider : `${alert.provider} (sandbox)`,
          alert.source,
          number(alert.times),
          alert.text,
        ]),
      ),
    )
    return EXIT.ok
  },
})
