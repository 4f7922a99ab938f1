import { readFile, stat } from 'node:fs/promises'
import { Check, Errors } from 'typebox/value'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { TlsPolicy } from '#delivery/transport/transport.ts'
import type { Rate } from '#delivery/lanes/rate-limit.ts'
import { ShapingFile, type LaneKnobs, type ProviderKnobs, type SharedKnobs } from './shaping.schema.ts'

/** Limits of what several lanes share. */
export interface SharedLimits {
  readonly maxConnections: number
  readonly rates: readonly Rate[]
}

/** Limits of one lane. */
export interface LaneLimits extends SharedLimits {
  readonly maxMessagesPerConnection: number
  readonly connectionRates: readonly Rate[]
  readonly idleMs: number
  /** Undefined: as the installation's setting says. */
  readonly tls: TlsPolicy | undefined
}

export interface ProviderLimits {
  readonly lane: LaneLimits
  readonly provider: SharedLimits
  readonly tenant: SharedLimits
}

export interface Shaping {
  /** Limits for a provider, from a source that is in these pools. The same object until the file changes. */
  limits(provider: string, pools: readonly string[]): ProviderLimits
  /** Each tenant, all providers together. The same object until the file changes. */
  tenant(): SharedLimits
  /** Looks whether the operator's file has changed, and takes it if it is sound. True when limits are new. */
  reload(): Promise<boolean>
}

export interface ShapingDeps {
  readonly log: Log
  readonly clock: Clock
  /** The operator's file; undefined: only what Pigeon ships. */
  readonly file: string | undefined
}

const SHIPPED = new URL('./shaping.json', import.meta.url)
const SECOND_MS = 1_000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const DEFAULT_IDLE_SECONDS = 30
const MAX_FILE_BYTES = 1_000_000
/** Limits kept ready: providers times combinations of pools. */
const MAX_KNOWN = 20_000

/** The limits per provider: what Pigeon ships, and the operator's file over it. Rejects when a file is not sound. */
export async function loadShaping(deps: ShapingDeps): Promise<Shaping> {
  const shipped = parseShaping(await readFile(SHIPPED, 'utf8'), 'shaping.json')
  let known = new Map<string, ProviderLimits>()
  let { version, own } = await readOwn(deps.file)
  const tenantLimits = (): SharedLimits => sharedOf(merge([shipped.tenant, own.tenant]))
  let tenant = tenantLimits()

  return {
    limits: (provider, pools) => {
      const key = `${provider}\n${pools.join('\n')}`
      const found = known.get(key)
      if (found !== undefined) return found
      if (known.size >= MAX_KNOWN) known = new Map()
      const limits = resolveLimits([shipped, own], provider, pools)
      known.set(key, limits)
      return limits
    },
    tenant: () => tenant,
    reload: async () => {
      try {
        const read = await readOwn(deps.file, version)
        if (read.version === version) return false
        ;({ version, own } = read)
        known = new Map()
        tenant = tenantLimits()
        deps.log.info({ file: deps.file }, 'The limits of the shaping file are in force.')
        return true
      } catch (error) {
        deps.log.error(
          { err: error, file: deps.file },
          'The shaping file is not sound: the limits stay as they were.',
        )
        return false
      }
    },
  }
}

/** `version` changes with the file; a file that has not changed is not read. */
async function readOwn(
  file: string | undefined,
  last?: string,
): Promise<{ version: string; own: ShapingFile }> {
  if (file === undefined) return { version: '', own: {} }
  const { mtimeMs, size } = await stat(file)
  const version = `${mtimeMs}/${size}`
  if (version === last) return { version, own: {} }
  if (size > MAX_FILE_BYTES) throw new Error(`${file} has ${size} bytes; at most ${MAX_FILE_BYTES} are read.`)
  return { version, own: parseShaping(await readFile(file, 'utf8'), file) }
}

/** Throws an Error that names the file and the field. */
export function parseShaping(text: string, name: string): ShapingFile {
  const value = parseJson(text, name)
  if (Check(ShapingFile, value)) return value
  const words = Errors(ShapingFile, value)
    .slice(0, 5)
    .map(
      (error) =>
        `${error.instancePath === '' ? 'the whole' : error.instancePath.slice(1).replaceAll('/', '.')}: ${error.message}`,
    )
  throw new Error(
    `${name} is not a shaping file: ${[...new Set(words)].join('; ')}. docs/shaping.md shows the form.`,
  )
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${name} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

/** What is said of a provider goes over what is said of all; an operator over Pigeon; a pool over the installation. */
function resolveLimits(
  files: readonly ShapingFile[],
  provider: string,
  pools: readonly string[],
): ProviderLimits {
  const layers = files.flatMap((file) => [file, ...pools.map((pool) => file.pools?.[pool])])
  const knobs: (ProviderKnobs | undefined)[] = [
    ...layers.map((layer) => layer?.default),
    ...layers.map((layer) => layer?.providers?.[provider]),
  ]
  return {
    lane: laneOf(merge(knobs.map((each) => each?.lane))),
    provider: sharedOf(merge(knobs.map((each) => each?.provider))),
    tenant: sharedOf(merge(knobs.map((each) => each?.tenant))),
  }
}

function merge<T extends object>(layers: readonly (T | undefined)[]): Partial<T> {
  return Object.assign({}, ...layers)
}

function laneOf(knobs: LaneKnobs): LaneLimits {
  return {
    ...sharedOf(knobs),
    maxMessagesPerConnection: knobs.messages_per_connection ?? Infinity,
    connectionRates: rate(knobs.connections_per_minute, MINUTE_MS),
    idleMs: (knobs.idle_seconds ?? DEFAULT_IDLE_SECONDS) * SECOND_MS,
    tls: knobs.tls,
  }
}

function sharedOf(knobs: SharedKnobs): SharedLimits {
  return {
    maxConnections: knobs.connections ?? Infinity,
    rates: [
      ...rate(knobs.messages_per_second, SECOND_MS),
      ...rate(knobs.messages_per_minute, MINUTE_MS),
      ...rate(knobs.messages_per_hour, HOUR_MS),
      ...rate(knobs.messages_per_day, DAY_MS),
    ],
  }
}

function rate(count: number | null | undefined, perMs: number): Rate[] {
  return count === null || count === undefined ? [] : [{ count, perMs }]
}
