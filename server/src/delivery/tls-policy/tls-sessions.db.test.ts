import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import type { TlsFailure, TlsTry } from '#delivery/transport/tls-rule.ts'
import { createLog } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import { decideTls, type TlsDecision } from './tls-decision.ts'
import { createTlsSessions, type TlsSessions } from './tls-sessions.ts'

const untrusted: TlsFailure = {
  type: 'certificate-not-trusted',
  reason: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  text: 'no',
}

/** Counts as one process does, and stores it. */
async function counted(db: Database, count: (sessions: TlsSessions) => void): Promise<void> {
  const log = createLog({ level: 'silent', role: 'test' })
  const sessions = createTlsSessions({ db, clock: manualClock(), log, modes: ['live'] })
  count(sessions)
  await sessions.run(AbortSignal.abort())
}

function decision(domain: string, mx = `mx.${domain}`): TlsDecision {
  const hosts = [{ name: `mx.${domain}`, priority: 1, addresses: ['192.0.2.25'] }]
  const policy = { mode: 'enforce' as const, mx: [mx], maxAgeSeconds: 86_400 }
  return decideTls({ domain, hosts, dane: new Map(), sts: { kind: 'policy', id: '1', policy } })
}

function attempt(failure: TlsFailure | null = null): TlsTry {
  const at = { mxHost: 'mx.shop.example', mxAddress: '192.0.2.25', sendingIp: '192.0.2.1' }
  return { ...at, protocol: 'TLSv1.3', cipher: 'X', isProven: failure === null, failure }
}

test('a connection counts once for each domain whose mail it carried, and failures where they were', async (t) => {
  const { engine } = await testDatabase(t)
  await counted(engine, (sessions) => {
    const connection = attempt()
    for (let i = 0; i < 5; i += 1) sessions.tried('live', decision('shop.example'), [connection])
    sessions.tried('live', decision('other.example'), [connection])
    sessions.tried('live', decision('shop.example'), [attempt()])
    sessions.tried('live', decision('shop.example'), [attempt(untrusted), attempt(untrusted)])
    sessions.tried('sandbox', decision('shop.example'), [attempt()])
  })
  await counted(engine, (sessions) => sessions.tried('live', decision('shop.example'), [attempt()]))
  const rows = await sql`
    select domain, result, reason, mx_host, receiving_ip, sending_ip, sessions::int as sessions
      from tls_session_counts order by domain, result`.execute(engine)
  const nothing = { result: '', reason: '', mx_host: '', receiving_ip: '', sending_ip: '' }
  assert.deepEqual(rows.rows, [
    { ...nothing, domain: 'other.example', sessions: 1 },
    { ...nothing, domain: 'shop.example', sessions: 3 },
    {
      domain: 'shop.example',
      result: 'certificate-not-trusted',
      reason: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      mx_host: 'mx.shop.example',
      receiving_ip: '192.0.2.25',
      sending_ip: '192.0.2.1',
      sessions: 2,
    },
  ])
})

test('mail that a policy lets go nowhere, and a policy that cannot be had, count as failures', async (t) => {
  const { engine } = await testDatabase(t)
  const fault: TlsFailure = { type: 'sts-policy-fetch-error', reason: 'http-500', text: 'no' }
  await counted(engine, (sessions) => {
    sessions.refused('live', decision('shop.example', 'elsewhere.example'))
    sessions.tried('live', { ...decision('other.example'), fault }, [attempt()])
  })
  const rows = await sql`
    select domain, result, reason, mx_host from tls_session_counts order by domain desc`.execute(engine)
  assert.deepEqual(rows.rows, [
    {
      domain: 'shop.example',
      result: 'validation-failure',
      reason: 'mx-not-in-policy',
      mx_host: 'mx.shop.example',
    },
    {
      domain: 'other.example',
      result: 'sts-policy-fetch-error',
      reason: 'http-500',
      mx_host: 'mx.shop.example',
    },
  ])
})
