import type { components } from '@pigeon/sdk'
import { number, table, time } from '#output.ts'

type Explanation = components['schemas']['Explanation']
type Trace = components['schemas']['MessageTrace']
type Rehearsal = components['schemas']['Rehearsal']

/** An explanation for people: the verdict first, then each step with its reason. */
export function explanationText(found: Explanation): string[] {
  const others = found.obstacles.filter(({ message }) => !found.explanation.includes(message))
  return [found.explanation, ...others.map(({ message }) => `Also: ${message}`), '', ...wayText(found)]
}

function wayText(found: Explanation): string[] {
  const { mx, provider, sender, pool, destination, wait, retry } = found
  const hosts = mx.hosts.map(
    ({ name, priority, addresses }) => `${name} (${priority}) ${addresses.join(', ')}`,
  )
  const signed =
    sender.signed_by === null
      ? 'nothing can be signed'
      : `signed by ${sender.signed_by} (${sender.dkim.map((key) => key.selector).join(', ')})`
  return [
    row('mode', found.mode),
    row('sender', `${sender.domain}: ${sender.is_allowed ? 'verified' : 'not verified'}, ${signed}`),
    row('suppressed', found.suppressed ?? 'no'),
    ...rows('mail hosts', hosts.length === 0 ? [mx.reason ?? mx.kind] : hosts),
    row('known for', `${number(mx.ttl_seconds)} s`),
    row('provider', provider === null ? '-' : `${provider.name}. ${provider.reason}`),
    ...(destination === null
      ? []
      : [row('shard', `${destination.shard}${destination.stopped ? ', stopped' : ''}`)]),
    row('pool', pool.reason),
    row(
      'wait',
      wait === null
        ? '-'
        : `${wait.seconds === null ? 'unknown' : `${number(wait.seconds)} s`}. ${wait.reason}`,
    ),
    ...rows('tls', found.tls),
    row('refusals', retry.reason),
    ...(found.sources.length === 0 ? [] : ['', ...sourcesText(found)]),
  ]
}

function sourcesText({ sources }: Explanation): string[] {
  return table(
    ['source', 'pool', 'state', 'sends', 'a minute', 'budget', 'why'],
    sources.map((lane) => [
      lane.source,
      lane.pool,
      lane.state,
      lane.can_send ? 'yes' : 'no',
      lane.allowed_per_minute === null ? '-' : number(lane.allowed_per_minute),
      lane.budget_left === null ? '-' : number(lane.budget_left),
      lane.reason,
    ]),
    ['left', 'left', 'left', 'left', 'right', 'right', 'left'],
  ).map((line) => `  ${line}`)
}

/** A trace for people: what became of it, each attempt with its conversation, then the way from here. */
export function traceText(trace: Trace): string[] {
  return [
    `${trace.recipient}: ${trace.state}${trace.in_doubt ? ' (in doubt)' : ''}`,
    trace.explanation,
    '',
    row('id', trace.id),
    row('campaign', trace.campaign_id ?? '-'),
    row('provider', trace.provider === '' ? '-' : trace.provider),
    row('class', trace.advice?.class ?? '-'),
    ...(trace.advice === null ? [] : [row('put right by', trace.advice.who)]),
    row('next try', time(trace.next_attempt_at)),
    row('until', time(trace.expires_at)),
    ...trace.attempts_made.flatMap(attemptText),
    ...(trace.way === null ? [] : ['', 'The way from here', ...wayText(trace.way)]),
  ]
}

function attemptText(attempt: Trace['attempts_made'][number]): string[] {
  const { rule, phase } = attempt
  const read = rule === null ? [] : [row('read by', `${rule.set}, ${rule.id} (${rule.source})`)]
  return [
    '',
    `Attempt ${attempt.attempt}, ${time(attempt.started_at)}: ${attempt.meaning}`,
    row('from', attempt.source === '' ? '-' : attempt.source),
    row('to', `${attempt.mx_host} (${attempt.mx_ip})${attempt.tls ? ', TLS' : ', without TLS'}`),
    row('reply', `${attempt.reply}${phase === null ? '' : `  [${phase}]`}`),
    ...read,
    ...attempt.transcript
      .trimEnd()
      .split(/\r?\n/)
      .map((line) => `    ${line}`),
  ]
}

/** A rehearsal for people: the outcome in a sentence, then each provider. */
export function rehearsalText(found: Rehearsal): string[] {
  const { providers } = found
  return [
    found.summary,
    '',
    row('as', found.as),
    row('pool', found.pool.reason),
    row('recipients', `${number(found.recipients)}, and ${number(found.suppressed)} suppressed`),
    row('put off', `${number(found.deferred)} attempts`),
    '',
    ...table(
      ['provider', 'recipients', 'delivered', 'bounced', 'expired', 'put off', 'seconds', 'held up by'],
      providers.map((each) => [
        each.provider,
        number(each.recipients),
        number(each.delivered),
        byClass(each.bounced),
        number(each.expired),
        byClass(each.deferred),
        number(each.duration_seconds),
        each.sentence,
      ]),
      ['left', 'right', 'right', 'left', 'right', 'left', 'right', 'left'],
    ),
    '',
    ...found.notes,
  ]
}

/** `12 unknown_user, 3 rejected`, the most first. */
function byClass(counts: Readonly<Record<string, number>>): string {
  const words = Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${number(count)} ${name}`)
  return words.join(', ') || '0'
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(14)}${value}`
}

/** Several values under one name. */
function rows(name: string, values: readonly string[]): string[] {
  return values.map((value, n) => row(n === 0 ? name : '', value))
}
