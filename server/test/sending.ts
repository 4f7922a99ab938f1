import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createDkimSigner } from '@pigeon/mail/dkim.ts'
import { prepareContent } from '#delivery/compose.ts'
import { openJournal } from '#delivery/journal.ts'
import type { LanePool } from '#delivery/lanes/destination.ts'
import { LIVE_TIMES } from '#delivery/lanes/lane-health.ts'
import type { LaneSource } from '#delivery/lanes/lane.ts'
import { createLanes, type HeldJob } from '#delivery/lanes/lanes.ts'
import { createMailRoutes } from '#delivery/mail-routes.ts'
import { createRecentSuppressions } from '#delivery/recent-suppressions.ts'
import { createOpenRelays } from '#delivery/relays/open-relays.ts'
import { sendJob, type SendDeps } from '#delivery/send-job.ts'
import { decideTls } from '#delivery/tls-policy/tls-decision.ts'
import { createSmtpPool } from '#delivery/transport/smtp-pool.ts'
import { RFC_5321_TIMEOUTS } from '#delivery/transport/transport.ts'
import type { OutcomeEvent, SendingMode } from '#events/email-events.ts'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { record, startFakeDns } from './fake-dns.ts'

export const RECIPIENT_DOMAIN = 'receiver.example'

const LIMITS = { maxConnections: 5, rates: [] }
const LANE = { ...LIMITS, maxMessagesPerConnection: 100, connectionRates: [], idleMs: 5_000, tls: undefined }
const PLAN = { firstMs: 60_000, maxMs: 600_000, absentAgainMs: 60_000 }

export interface SendingOptions {
  /** The first one is the jobs'. */
  readonly pools: readonly LanePool[]
  /** Where the MX of `RECIPIENT_DOMAIN` listens, in each mode. */
  readonly mxPort: Readonly<Record<SendingMode, number>>
  /** By the id of the source. */
  readonly secrets?: Readonly<Record<string, string>>
}

/** Lanes, attempts and transports of a deliver process, on loopback; how attempts ended is in `events`. */
export async function startSending(t: TestContext, options: SendingOptions) {
  const dns = await startFakeDns(t, {
    [`MX ${RECIPIENT_DOMAIN}`]: [record.mx(RECIPIENT_DOMAIN, 10, 'mx.receiver.example')],
    'A mx.receiver.example': [record.a('mx.receiver.example', '127.0.0.1')],
  })
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-sending-'))
  const journal = await openJournal({ dir })
  const transport = createSmtpPool({
    clock: systemClock,
    timeouts: RFC_5321_TIMEOUTS,
    defaults: LANE,
    maxConnections: 20,
    maxWaitMs: 60_000,
    backOffBaseMs: 50,
    backOffMaxMs: 100,
  })
  const log = createLog({ level: 'error', role: 'test' })
  const relays = createOpenRelays({
    clock: systemClock,
    log,
    smtp: transport,
    allowPrivate: true,
    loadSecret: async (id) => options.secrets?.[id],
  })
  const way = (port: number) => ({ dnsServers: [dns.server], port, allowPrivate: true, dnssec: false })
  const content = contentOfCampaign()
  const deps: SendDeps = {
    clock: systemClock,
    log,
    journal,
    transport,
    relays,
    contents: {
      load: async () => undefined,
      get: () => content,
      problem: () => undefined,
      isSending: () => true,
      told: () => undefined,
      refresh: async () => undefined,
    },
    suppressions: createRecentSuppressions(),
    routes: createMailRoutes(
      { clock: systemClock },
      { live: way(options.mxPort.live), sandbox: way(options.mxPort.sandbox) },
    ),
    tlsPolicies: {
      decide: async (_mode, domain, hosts) =>
        decideTls({ domain, hosts, dane: new Map(), sts: { kind: 'none' } }),
    },
    tlsSessions: { tried: () => undefined, refused: () => undefined, run: async () => undefined },
    mayBegin: () => true,
    unsubscribeUrl: (_tenant, id) => `https://track.example/u/${id}`,
    plans: { live: { bulk: PLAN, transactional: PLAN }, sandbox: { bulk: PLAN, transactional: PLAN } },
    settings: {
      ehloName: 'mail.sender.example',
      returnPath: (id, domain) => `bounces+${id}@${domain}`,
      tls: 'none',
    },
  }
  const events: OutcomeEvent[] = []
  const back: HeldJob[] = []
  const lanes = createLanes({
    clock: systemClock,
    pool: (id) => options.pools.find((pool) => pool.id === id) ?? { id, name: id, members: [] },
    poolsOf: () => [],
    limits: () => ({ lane: LANE, provider: LIMITS, tenant: LIMITS }),
    tenantLimits: () => LIMITS,
    times: { live: LIVE_TIMES, sandbox: LIVE_TIMES },
    saved: () => undefined,
    made: () => undefined,
    day: () => '2026-11-22',
    closed: relays.closed,
    maxActive: 100,
    mayBegin: () => true,
    giveBack: (jobs) => void back.push(...jobs),
    onSuspended: () => undefined,
    send: async (held, lane, elsewhere) => {
      const { event, verdict } = await sendJob(deps, held, lane, elsewhere)
      events.push(event)
      return verdict
    },
  })
  transport.limit((key) => lanes.lane(key)?.connectionLimits(systemClock.monotonicMs()))
  t.after(async () => {
    await lanes.idle()
    await relays.close(0)
    await transport.close(0)
    await journal.close()
    await rm(dir, { recursive: true, force: true })
  })
  const poolId = options.pools[0]?.id ?? ''
  return {
    lanes,
    relays,
    events,
    back,
    /** Sends one message; resolves when all that was begun has ended. */
    send: async (mode: SendingMode = 'live') => {
      lanes.push([jobTo(poolId, mode)])
      await lanes.idle()
      return events.at(-1)
    },
  }
}

/** A source that is a smarthost on this machine. */
export function smarthostAt(name: string, port: number, more: object = {}): LaneSource {
  const config = { host: '127.0.0.1', port, tls: 'none', ...more }
  return { id: name, name, relay: { kind: 'smarthost', config, version: JSON.stringify(config) } }
}

export function poolOf(id: string, sources: readonly LaneSource[], overflow?: string): LanePool {
  const members = sources.map((source) => ({ source, weight: 1 }))
  return overflow === undefined ? { id, name: id, members } : { id, name: id, members, overflow }
}

let messages = 0

function jobTo(poolId: string, mode: SendingMode): HeldJob {
  messages += 1
  const messageId = `01900000-0000-7000-8000-${String(messages).padStart(12, '0')}`
  const now = Date.now()
  return {
    tenantId: 'tenant',
    messageClass: 'bulk',
    poolId,
    shard: 0,
    epoch: 1,
    job: {
      messageId,
      tenantId: 'tenant',
      campaignId: 'campaign',
      contactId: null,
      recipient: `person${messages}@${RECIPIENT_DOMAIN}`,
      firstName: 'Ann',
      lastName: null,
      attributes: {},
      mode,
      domain: RECIPIENT_DOMAIN,
      provider: RECIPIENT_DOMAIN,
      destination: 1,
      attempt: 1,
      lastSource: null,
      lastClass: null,
      lastReply: null,
      claimedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + 3_600_000).toISOString(),
    },
  }
}

function contentOfCampaign() {
  const { privateKey } = generateKeyPairSync('ed25519')
  return prepareContent({
    tenantId: 'tenant',
    campaignId: 'campaign',
    campaignName: 'Spring',
    messageClass: 'bulk',
    listId: null,
    from: { email: 'news@sender.example' },
    replyTo: undefined,
    compiled: { subject: 'Hello', html: '', text: 'Hello {{ first_name }}', variables: [], lines: {} },
    subject: null,
    signer: createDkimSigner({
      domain: 'sender.example',
      keys: [{ selector: 'e1', algorithm: 'ed25519-sha256', privateKey }],
    }),
  })
}
