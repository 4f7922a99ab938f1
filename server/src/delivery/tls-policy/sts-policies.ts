import { parseStsRecord, type StsPolicy } from '@pigeon/mail/tls-policy/sts-policy.ts'
import type { SendingMode } from '#events/email-events.ts'
import type { DnsClient } from '#delivery/dns-client.ts'
import type { TlsFailure } from '#delivery/transport/tls-rule.ts'
import type { Clock } from '#platform/clock.ts'
import type { Db } from '#platform/postgres/database.ts'
import { fetchStsPolicy, type StsFetchOptions } from './fetch-sts-policy.ts'
import { createLookupCache } from './lookup-cache.ts'
import { findText } from './find-text.ts'
import { deleteExpiredSts, findSts, saveSts, type StoredSts } from './sts.store.ts'

/** The MTA-STS policy of a domain, as far as it can be known. */
export type FoundSts =
  | { readonly kind: 'none' }
  | { readonly kind: 'policy'; readonly id: string; readonly policy: StsPolicy }
  /** The domain says that it has one, it could not be had, and none is remembered: mail goes as without one. */
  | { readonly kind: 'unavailable'; readonly failure: TlsFailure }

export interface StsPolicies {
  /** Rejects when the database does not answer: a policy that is remembered must not be passed over. */
  find(domain: string): Promise<FoundSts>
}

/** TXT look-up and fetch together. */
const DEADLINE_MS = 10_000
const MAX_ENTRIES = 50_000
const MIN_KEEP_MS = 60_000
const MAX_KEEP_MS = 3_600_000
/** RFC 8461 3.3: a fetch that failed is not tried again sooner. */
const FAILURE_KEEP_MS = 300_000
/** A policy in use is fetched again when it is this old, so that it never gets near its end (RFC 8461 3.3). */
const REFRESH_AFTER_MS = 86_400_000

export interface StsDeps {
  readonly db: Db
  readonly clock: Clock
  readonly client: DnsClient
  /** Policies that are fetched are not stored: for who only looks, with a connection that may not write. */
  readonly readsOnly?: boolean
}

/**
 * Policies of recipient domains (RFC 8461). They are kept in the database, shared by all processes: one that has not
 * expired stays in force while the record or the policy cannot be had (RFC 8461 5.1).
 */
export function createStsPolicies(
  deps: StsDeps,
  mode: SendingMode,
  fetching: Omit<StsFetchOptions, 'client'>,
): StsPolicies {
  const cache = createLookupCache<FoundSts>({
    clock: deps.clock,
    maxEntries: MAX_ENTRIES,
    deadlineMs: DEADLINE_MS,
    load: (domain, signal) => look(deps, mode, { ...fetching, client: deps.client }, domain, signal),
  })
  return { find: (domain) => cache.get(domain.toLowerCase()) }
}

interface Kept {
  readonly value: FoundSts
  readonly keepMs: number
}

async function look(
  deps: StsDeps,
  mode: SendingMode,
  fetching: StsFetchOptions,
  domain: string,
  signal: AbortSignal,
): Promise<Kept> {
  const [text, known] = await Promise.all([
    findText(deps.client, `_mta-sts.${domain}`, signal),
    findSts(deps.db, mode, domain, deps.clock.now()),
  ])
  const keepMs = Math.min(Math.max(text.ttlMs, MIN_KEEP_MS), MAX_KEEP_MS)
  const id = text.kind === 'records' ? parseStsRecord(text.records) : undefined
  const now = deps.clock.now()
  if (id === undefined) return keep(known, keepMs, now)
  if (known?.id === id && !isOld(known, now)) return keep(known, keepMs, now)
  const fetched = await fetchStsPolicy(fetching, domain, signal)
  if (fetched.kind === 'policy') {
    const stored = { id, policy: fetched.policy, fetchedAt: now }
    if (deps.readsOnly !== true) await saveSts(deps.db, mode, domain, stored)
    return keep(stored, keepMs, now)
  }
  if (known === undefined) {
    return { value: { kind: 'unavailable', failure: fetched.failure }, keepMs: FAILURE_KEEP_MS }
  }
  return keep(known, known.id === id ? keepMs : FAILURE_KEEP_MS, now)
}

/** A policy is not followed beyond its end. */
function keep(known: StoredSts | undefined, keepMs: number, now: Date): Kept {
  if (known === undefined || known.policy.mode === 'none') return { value: { kind: 'none' }, keepMs }
  const leftMs = known.fetchedAt.getTime() + known.policy.maxAgeSeconds * 1000 - now.getTime()
  return {
    value: { kind: 'policy', id: known.id, policy: known.policy },
    keepMs: Math.min(keepMs, Math.max(leftMs, 0)),
  }
}

function isOld(known: StoredSts, now: Date): boolean {
  return now.getTime() - known.fetchedAt.getTime() >= REFRESH_AFTER_MS
}

/** Removes policies that are no longer in force. Returns how many. */
export function deleteExpiredStsPolicies(deps: Pick<StsDeps, 'db' | 'clock'>): Promise<number> {
  return deleteExpiredSts(deps.db, deps.clock.now())
}
