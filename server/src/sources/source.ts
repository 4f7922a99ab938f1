import { isIP } from 'node:net'
import { parseDomain } from '@pigeon/mail/address.ts'
import type { SourceKind, SourceStatus } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import type { FieldError } from '#platform/problem.ts'
import type { WarmUp } from './warm-up-curve.ts'

/** Channel on which every change of sources, pools and who uses them is told, so that delivery loads them again. */
export const SOURCES_CHANNEL = 'sources'

/** The machine as it is: the source that a new installation has. */
export const DEFAULT_SOURCE_ID = '00000000-0000-7000-8000-000000000001'

export const SOURCE_LIMITS = {
  nameChars: 63,
  /** Of an installation. */
  sources: 1_000,
  relayConfigBytes: 8_192,
  relaySecretChars: 16_384,
  /** A million of the currency, in millionths; sums of thousandths of these stay exact. */
  money: 1e12,
} as const

/** Letters, digits and hyphens: a name that can stand in a log line, a metric and a command. */
export const NAME_PATTERN = '^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$'

/** Where mail leaves from, as delivery needs it: an address of ours, or a relay. */
export interface Source {
  readonly id: string
  readonly name: string
  readonly kind: SourceKind
  /** Null: the machine chooses. */
  readonly localAddress: string | null
  /** Null: the installation's. */
  readonly ehloName: string | null
  readonly relay: SourceRelay | null
  /** Null: it costs nothing. */
  readonly cost: SourceCost | null
  /** It ends what it has in hand and is given nothing new. */
  readonly isDraining: boolean
  /** Null: warm. */
  readonly warmUp: WarmUp | null
}

/** Money is in millionths of the installation's currency. */
export interface SourceCost {
  readonly perThousand: number
  /** Of a UTC day, and of a UTC month. Null: no cap. */
  readonly dailyCap: number | null
  readonly monthlyCap: number | null
}

/** A relay without its secret, which `loadRelaySecret` opens. */
export interface SourceRelay {
  readonly kind: string
  readonly config: RelayConfig
  /** Another one when anything of it has changed, its secret included. */
  readonly version: string
}

/** Settings of a relay that are no secret; their meaning is the transport's. */
export type RelayConfig = Readonly<Record<string, unknown>>

/** What a person may say of a source. */
export interface SourceInput {
  readonly name: string
  readonly local_address?: string | null
  readonly ehlo_name?: string | null
  readonly relay_kind?: string | null
  readonly relay_config?: RelayConfig | null
  /** Absent: as it is. */
  readonly relay_secret?: string | null
  readonly warm_up_curve?: readonly number[] | null
  /** Millionths of the installation's currency. */
  readonly cost_per_thousand?: number | null
  readonly daily_cost_cap?: number | null
  readonly monthly_cost_cap?: number | null
}

export interface SourceFields {
  readonly name: string
  readonly local_address: string | null
  readonly ehlo_name: string | null
  readonly relay_kind: string | null
  readonly relay_config: RelayConfig | null
  readonly warm_up_curve: readonly number[] | null
  readonly cost_per_thousand: number | null
  readonly daily_cost_cap: number | null
  readonly monthly_cost_cap: number | null
}

/**
 * What is stored of an input; Problem `sources.invalid` names every field that cannot be. `mayLeaveFrom` says whether
 * the installation lets mail leave from an address: private ones are seen by nobody outside.
 */
export function sourceFields(
  kind: SourceKind,
  input: SourceInput,
  mayLeaveFrom: (address: string) => boolean,
): SourceFields {
  const ehlo = ehloNameOf(input.ehlo_name ?? null)
  const errors = [
    ...addressFaults(kind, input.local_address ?? null, mayLeaveFrom),
    ...ehlo.faults,
    ...relayFaults(kind, input),
    ...costFaults(input),
  ]
  const [first] = errors
  if (first !== undefined) throw new Problem('invalid', 'sources.invalid', first.message, { errors })
  return {
    name: input.name,
    local_address: input.local_address ?? null,
    ehlo_name: ehlo.name,
    relay_kind: input.relay_kind ?? null,
    relay_config: kind === 'relay' ? (input.relay_config ?? {}) : null,
    warm_up_curve: input.warm_up_curve ?? null,
    cost_per_thousand: input.cost_per_thousand ?? null,
    daily_cost_cap: input.daily_cost_cap ?? null,
    monthly_cost_cap: input.monthly_cost_cap ?? null,
  }
}

function addressFaults(
  kind: SourceKind,
  address: string | null,
  mayLeaveFrom: (address: string) => boolean,
): FieldError[] {
  const fault = (code: string, message: string): FieldError[] => [{ field: 'local_address', code, message }]
  if (address === null) return []
  if (kind === 'relay') return fault('not_for_relay', 'A relay has no address of ours: leave it out.')
  if (isIP(address) === 0 || address.includes('%') || /^::ffff:/i.test(address)) {
    return fault('bad_address', 'This is not an IP address. Write one like 192.0.2.1 or 2001:db8::1.')
  }
  if (mayLeaveFrom(address)) return []
  return fault(
    'private_address',
    `${address} is private or loopback: no receiver sees it. Give a public address of this machine; behind NAT set PIGEON_ALLOW_PRIVATE_SOURCES.`,
  )
}

/** RFC 5321, section 4.1.1.1: a fully qualified name, written in A-labels. */
function ehloNameOf(text: string | null): { name: string | null; faults: FieldError[] } {
  if (text === null) return { name: null, faults: [] }
  const parsed = parseDomain(text)
  if (parsed.ok) return { name: parsed.domain, faults: [] }
  const message = `This is not a host name. ${parsed.message} Write one like mail.example.com.`
  return { name: null, faults: [{ field: 'ehlo_name', code: parsed.code, message }] }
}

function relayFaults(kind: SourceKind, input: SourceInput): FieldError[] {
  if (kind === 'relay') {
    const faults: FieldError[] = []
    if ((input.relay_kind ?? null) === null) {
      const message = 'Say which kind of relay this is.'
      faults.push({ field: 'relay_kind', code: 'required', message })
    }
    if (Buffer.byteLength(JSON.stringify(input.relay_config ?? {})) > SOURCE_LIMITS.relayConfigBytes) {
      const message = `The settings of a relay may have at most ${SOURCE_LIMITS.relayConfigBytes} bytes of JSON.`
      faults.push({ field: 'relay_config', code: 'too_long', message })
    }
    return faults
  }
  return (['relay_kind', 'relay_config', 'relay_secret'] as const)
    .filter((field) => (input[field] ?? null) !== null)
    .map((field) => ({ field, code: 'not_for_ip', message: 'Only a source of kind relay has this.' }))
}

/** What costs nothing never reaches a cap. */
function costFaults(input: SourceInput): FieldError[] {
  if ((input.cost_per_thousand ?? null) !== null) return []
  return (['daily_cost_cap', 'monthly_cost_cap'] as const)
    .filter((field) => (input[field] ?? null) !== null)
    .map((field) => ({
      field,
      code: 'no_cost',
      message: 'A cap needs a cost: give cost_per_thousand, too.',
    }))
}

/** What can be done with a source, and the status that follows. */
export const SOURCE_ACTIONS = {
  drain: 'draining',
  activate: 'active',
  disable: 'disabled',
} as const satisfies Record<string, SourceStatus>
