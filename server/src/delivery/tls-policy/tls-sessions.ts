import { hash } from 'node:crypto'
import type { SendingMode } from '#events/email-events.ts'
import type { TlsFailure, TlsTry } from '#delivery/transport/tls-rule.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Db } from '#platform/postgres/database.ts'
import type { TlsDecision } from './tls-decision.ts'
import { addSessions, type SessionCount } from './tls-sessions.store.ts'

/** Counts how TLS went with each recipient domain, for the reports of RFC 8460. */
export interface TlsSessions {
  /** What a message met. A connection counts once for each domain whose mail it carried. */
  tried(mode: SendingMode, decision: TlsDecision, tries: readonly TlsTry[]): void
  /** Mail could go to no host of the domain. */
  refused(mode: SendingMode, decision: TlsDecision): void
  /** Stores what was counted until `signal` aborts, and then once more. */
  run(signal: AbortSignal): Promise<void>
}

const FLUSH_MS = 5_000
/** Rows that wait for the database at most: what is counted beyond them is lost, and said. */
const MAX_WAITING = 20_000
/** Rows of one statement. */
const MAX_BATCH = 1_000

export interface TlsSessionsDeps {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  /** Modes whose sessions are reported on. */
  readonly modes: readonly SendingMode[]
}

export function createTlsSessions(deps: TlsSessionsDeps): TlsSessions {
  const waiting = new Map<string, SessionCount>()
  /** Domains that a try has been counted for. Tries live as long as their connection. */
  const counted = new WeakMap<TlsTry, Set<string>>()
  let lost = 0

  function add(count: SessionCount): void {
    const key = keyOf(count)
    const known = waiting.get(key)
    if (known === undefined && waiting.size >= MAX_WAITING) lost += 1
    else waiting.set(key, { ...count, sessions: count.sessions + (known?.sessions ?? 0) })
  }

  function count(mode: SendingMode, decision: TlsDecision, failure: TlsFailure | null, at?: TlsTry): void {
    const { policy, domain } = decision
    add({
      mode,
      day: deps.clock.now().toISOString().slice(0, 10),
      domain,
      policyHash: hash('sha256', JSON.stringify(policy)).slice(0, 32),
      result: failure?.type ?? '',
      reason: failure?.reason ?? '',
      mxHost: failure === null ? '' : (at?.mxHost ?? ''),
      receivingIp: failure === null ? '' : (at?.mxAddress ?? ''),
      sendingIp: failure === null ? '' : (at?.sendingIp ?? ''),
      policy,
      sessions: 1,
    })
  }

  async function flush(): Promise<void> {
    const counts = [...waiting.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
    waiting.clear()
    for (let start = 0; start < counts.length; start += MAX_BATCH) {
      try {
        await addSessions(deps.db, counts.slice(start, start + MAX_BATCH))
      } catch (error) {
        for (const one of counts.slice(start)) add(one)
        throw error
      }
    }
  }

  async function store(): Promise<void> {
    try {
      await flush()
    } catch (error) {
      deps.log.warn({ err: error }, 'TLS sessions could not be counted yet; they are kept and tried again.')
    }
    if (lost > 0) deps.log.warn({ lost }, 'TLS sessions were not counted: too many waited for the database.')
    lost = 0
  }

  return {
    tried(mode, decision, tries) {
      if (!deps.modes.includes(mode)) return
      for (const one of tries) {
        const domains = counted.get(one) ?? new Set()
        if (domains.has(`${mode} ${decision.domain}`)) continue
        counted.set(one, domains.add(`${mode} ${decision.domain}`))
        count(mode, decision, decision.fault ?? one.failure, one)
      }
    },
    refused(mode, decision) {
      if (!deps.modes.includes(mode)) return
      for (const { name, failure } of decision.refused) {
        const nowhere = { mxAddress: '', sendingIp: null, protocol: null, cipher: null, isProven: false }
        count(mode, decision, failure, { ...nowhere, mxHost: name, failure })
      }
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await deps.clock.sleep(FLUSH_MS, signal)
        await store()
      }
      await store()
    },
  }
}

function keyOf(count: SessionCount): string {
  const { mode, day, domain, policyHash, result, reason, mxHost, receivingIp, sendingIp } = count
  return [mode, day, domain, policyHash, result, reason, mxHost, receivingIp, sendingIp].join(' ')
}
