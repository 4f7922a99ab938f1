import { take } from '@pigeon/sdk'
import { collect, LIMIT_OPTION, oneOf } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { number, table, time } from '#output.ts'

const STATES = ['waiting', 'sent', 'failed', 'unwanted'] as const

export const tlsReports = command({
  name: 'tls-reports',
  summary: 'Daily TLS reports to the domains that mail went to, newest day first: sent or not, and why.',
  positionals: [],
  options: {
    state: { type: 'string', value: 'STATE', description: `Only these: ${STATES.join(', ')}.` },
    domain: { type: 'string', value: 'NAME', description: 'Only those to this domain.' },
    limit: LIMIT_OPTION,
  },
  example: 'pigeon tls-reports --state failed',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const { state, domain } = values
    const filter = {
      ...(state === undefined ? {} : { state: oneOf('--state', state, STATES) }),
      ...(domain === undefined ? {} : { domain }),
    }
    const found = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/tls-reports', { params: { query: { ...page, ...filter } } })),
    )
    context.out.result(found, () =>
      table(
        ['day', 'domain', 'state', 'sent to', 'tries', 'next', 'why'],
        found.map((report) => [
          report.day,
          report.mode === 'live' ? report.domain : `${report.domain} (sandbox)`,
          report.state,
          report.sent_to ?? '-',
          number(report.attempts),
          time(report.next_attempt_at),
          report.error ?? '',
        ]),
      ),
    )
    return EXIT.ok
  },
})
