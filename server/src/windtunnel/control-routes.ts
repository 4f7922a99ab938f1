import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { Problem } from '#platform/problem.ts'
import { AfterwardsChangeSchema } from './afterwards/afterwards.schema.ts'
import type { RunningAfterwards } from './afterwards/start-afterwards.ts'
import type { Behaviour } from './behaviour.ts'
import type { CertificateAuthority } from './certificate-authority.ts'
import {
  AfterwardsSwitchSchema,
  BlockSchema,
  TimeChangeSchema,
  UnblockSchema,
  ZoneSchema,
} from './control.schema.ts'
import type {
  AfterwardsState,
  MessagePage,
  Providers,
  RecipientFacts,
  Source,
  Time,
  TimeChange,
} from './control.schema.ts'
import { HabitsChangeSchema } from './habits.schema.ts'
import type { MailStore } from './mail-store.ts'
import type { ProviderLookup } from './provider-lookup.ts'
import { readMessage, summarise } from './read-message.ts'
import { fateOf, triggerOf, wouldComplain } from './recipient-fate.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { Zone } from './zone.ts'

const DEFAULT_PAGE = 50
const MAX_PAGE = 500

export interface ControlDeps {
  readonly store: MailStore
  readonly zone: Zone
  readonly behaviours: ReadonlyMap<string, Behaviour>
  readonly providers: ProviderLookup
  readonly time: VirtualTime
  readonly authority: CertificateAuthority
  readonly afterwards: RunningAfterwards
  readonly describeProviders: () => Providers
}

export interface Request {
  /** Of the path, after the first. */
  readonly parts: readonly string[]
  readonly query: URLSearchParams
  readonly body: () => Promise<unknown>
}

export type Result =
  | { readonly json: unknown }
  | { readonly raw: Buffer }
  | { readonly pem: string }
  | { readonly nothing: true }

/** Does what a request asks; `what` is the method and the first part of the path. Refusals are Problems. */
export async function route(deps: ControlDeps, what: string, request: Request): Promise<Result> {
  switch (what) {
    case 'GET stats':
      return { json: deps.store.stats(request.query.get('campaign') ?? undefined) }
    case 'GET duplicates':
      return {
        json: { data: deps.store.duplicates(wholeNumber(request.query, 'limit', MAX_PAGE) ?? DEFAULT_PAGE) },
      }
    case 'GET messages':
      return request.parts.length === 0 ? { json: page(deps, request.query) } : message(deps, request.parts)
    case 'DELETE messages':
      await deps.store.reset()
      for (const behaviour of deps.behaviours.values()) behaviour.forget()
      deps.afterwards.forget()
      return { nothing: true }
    case 'GET zone':
      return { json: { records: deps.zone.all() } }
    case 'PUT zone':
      await deps.zone.publish(checked(ZoneSchema, await request.body()).records)
      return { nothing: true }
    case 'GET providers':
      return { json: deps.describeProviders() }
    case 'PATCH providers':
      return changeProvider(deps, request)
    case 'GET time':
      return { json: timeOf(deps.time) }
    case 'PUT time':
      return { json: changeTime(deps.time, checked(TimeChangeSchema, await request.body())) }
    case 'GET afterwards':
      return { json: afterwardsOf(deps.afterwards) }
    case 'PUT afterwards':
      deps.afterwards.switch(checked(AfterwardsSwitchSchema, await request.body()).on)
      return { json: afterwardsOf(deps.afterwards) }
    case 'PATCH afterwards':
      return changeAfterwards(deps, request)
    case 'GET sources':
      return { json: { data: sourcesOf(deps.behaviours) } }
    case 'POST sources':
      return changeSource(deps, request)
    case 'GET recipients':
      return { json: recipientFacts(deps, request.parts) }
    case 'GET authority':
      return { pem: deps.authority.cert }
    default:
      throw noSuchPath(what)
  }
}

function noSuchPath(what: string): Problem {
  return new Problem('not_found', 'windtunnel.no_such_path', `There is no ${what.replace(' ', ' /')} here.`)
}

function timeOf(time: VirtualTime): Time {
  return { now: time.now().toISOString(), scale: time.scale, passed_ms: Math.round(time.nowMs()) }
}

function changeTime(time: VirtualTime, { scale, advance_ms }: TimeChange): Time {
  if (scale !== undefined) time.setScale(scale)
  if (advance_ms !== undefined) time.advance(advance_ms)
  return timeOf(time)
}

function afterwardsOf(afterwards: RunningAfterwards): AfterwardsState {
  const { on, pending, counts, providers } = afterwards.describe()
  return { on, pending, counts: { ...counts }, providers: Object.fromEntries(providers) }
}

async function changeAfterwards({ afterwards }: ControlDeps, { parts, body }: Request): Promise<Result> {
  const [name = ''] = parts
  const changed = afterwards.change(name, checked(AfterwardsChangeSchema, await body()))
  if (changed === undefined) throw noSuchProvider(name)
  return { json: changed }
}

function sourcesOf(behaviours: ControlDeps['behaviours']): Source[] {
  return [...behaviours.values()].flatMap((behaviour) =>
    behaviour.standings().map((standing) => ({
      provider: behaviour.profile.name,
      ip: standing.ip,
      reputation: Math.round(standing.reputation * 10) / 10,
      messages_today: standing.messagesToday,
      allowance_today: standing.allowanceToday,
      blocked: standing.isBlocked,
      blocked_for_ms: standing.blockedForMs,
      deferred_for_ms: standing.deferredForMs,
    })),
  )
}

async function changeSource(deps: ControlDeps, { parts, body }: Request): Promise<Result> {
  if (parts[0] === 'block') {
    const { ip, provider, for_ms } = checked(BlockSchema, await body())
    behaviourNamed(deps, provider).block(ip, for_ms)
  } else if (parts[0] === 'unblock') {
    const { ip, provider } = checked(UnblockSchema, await body())
    behaviourNamed(deps, provider).unblock(ip)
  } else throw noSuchPath('POST sources without /block or /unblock')
  return { nothing: true }
}

function recipientFacts(
  { providers, behaviours }: ControlDeps,
  [text = '']: readonly string[],
): RecipientFacts {
  const address = decodeURIComponent(text)
  const at = address.lastIndexOf('@')
  if (at < 1)
    throw new Problem('invalid', 'windtunnel.bad_parameter', 'The path ends with an address: x@y.example.')
  const { name } = providers.ofDomain(address.slice(at + 1))
  const behaviour = behaviourNamed({ behaviours }, name)
  const fate = fateOf(behaviour.seed, behaviour.habits, address, triggerOf(address).word)
  return {
    address,
    provider: name,
    fate: fate ?? 'exists',
    would_complain: fate === undefined && wouldComplain(behaviour.seed, behaviour.habits, address),
  }
}

function behaviourNamed({ behaviours }: Pick<ControlDeps, 'behaviours'>, name: string): Behaviour {
  const behaviour = behaviours.get(name)
  if (behaviour !== undefined) return behaviour
  throw noSuchProvider(name)
}

function noSuchProvider(name: string): Problem {
  return new Problem(
    'not_found',
    'windtunnel.no_such_provider',
    `No provider is called ${JSON.stringify(name.slice(0, 40))}.`,
  )
}

function page(deps: ControlDeps, query: URLSearchParams): MessagePage {
  const limit = wholeNumber(query, 'limit', MAX_PAGE) ?? DEFAULT_PAGE
  const found = deps.store.list({
    tenant: query.get('tenant') ?? undefined,
    campaign: query.get('campaign') ?? undefined,
    recipient: query.get('recipient') ?? undefined,
    before: wholeNumber(query, 'before', Number.MAX_SAFE_INTEGER),
    limit: limit + 1,
  })
  const data = found.slice(0, limit)
  return {
    data: data.map(summarise),
    next_before: found.length > limit ? (data.at(-1)?.sequence ?? null) : null,
  }
}

async function message(deps: ControlDeps, [sequence = '', view]: readonly string[]): Promise<Result> {
  const entry = /^\d{1,15}$/.test(sequence) ? deps.store.entry(Number(sequence)) : undefined
  if (entry === undefined)
    throw new Problem(
      'not_found',
      'windtunnel.no_such_message',
      'No message has this number, or it is too old.',
    )
  const raw = await deps.store.raw(entry)
  if (raw === undefined)
    throw new Problem('not_found', 'windtunnel.raw_not_kept', 'The bytes of this message were not kept.')
  if (view === 'raw') return { raw }
  if (view !== undefined)
    throw new Problem('not_found', 'windtunnel.no_such_path', 'A message has /raw and nothing else.')
  return { json: await readMessage(deps, entry, raw) }
}

async function changeProvider(deps: ControlDeps, { parts, body }: Request): Promise<Result> {
  const [name = ''] = parts
  const behaviour = behaviourNamed(deps, name)
  behaviour.habits = { ...behaviour.habits, ...checked(HabitsChangeSchema, await body()) }
  return { json: behaviour.habits }
}

function checked<Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> {
  if (Value.Check(schema, value)) return value
  const [first] = Value.Errors(schema, value)
  throw new Problem(
    'invalid',
    'windtunnel.bad_body',
    `The body does not fit: ${first?.instancePath ?? ''} ${first?.message ?? ''}.`,
  )
}

function wholeNumber(query: URLSearchParams, name: string, max: number): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (number >= 1 && number <= max) return number
  throw new Problem('invalid', 'windtunnel.bad_parameter', `${name} must be a whole number from 1 to ${max}.`)
}
