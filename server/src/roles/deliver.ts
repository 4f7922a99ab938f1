import { createDkimSigner } from '@pigeon/mail/dkim.ts'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { CAMPAIGNS_CHANNEL, createContents } from '#delivery/contents.ts'
import { LANES_CHANNEL } from '#delivery/lane-memory.ts'
import { openLanePools } from '#delivery/lane-pools.ts'
import { openJournal } from '#delivery/journal.ts'
import { createMailRoutes } from '#delivery/mail-routes.ts'
import { createOpenRelays } from '#delivery/relays/open-relays.ts'
import { createRecentSuppressions } from '#delivery/recent-suppressions.ts'
import { replayJournal } from '#delivery/replay-journal.ts'
import { createDelivery } from '#delivery/run-delivery.ts'
import { loadShaping } from '#delivery/shaping/shaping.ts'
import { openSpending } from '#delivery/spending.ts'
import { createTlsPolicies } from '#delivery/tls-policy/tls-policies.ts'
import { runTlsReports } from '#delivery/tls-policy/tls-reports.ts'
import { createTlsSessions } from '#delivery/tls-policy/tls-sessions.ts'
import { createSmtpPool } from '#delivery/transport/smtp-pool.ts'
import { loadSigningKeys } from '#domains/load-signing-keys.ts'
import { listen } from '#platform/postgres/listen.ts'
import { loadRelaySecret } from '#sources/relay-secret.ts'
import { SOURCES_CHANNEL } from '#sources/source.ts'
import { SUPPRESSIONS_CHANNEL } from '#suppressions/suppression.ts'
import { inboundDomain } from '#config/inbound.ts'
import { returnPath } from '#tracking/bounce-address.ts'
import { contentTracker } from '#tracking/track-content.ts'
import { unsubscribeMailbox, unsubscribeUrl } from '#tracking/unsubscribe-link.ts'
import type { Config } from '#config/sections.ts'
import type { Context, RunningRole } from './context.ts'
import { mailRouteSettings, mayRelayPrivately } from './mail-route-settings.ts'
import { publicUrlOf } from './public-pages.ts'
import { retryPlans } from './retry-plans.ts'
import { reportedModes, tlsReportDeps } from './tls-report-deps.ts'

const CONNECTIONS = 6
const CLOSE_MS = 5_000
const MAX_WAIT_MS = 60_000
const BACK_OFF_BASE_MS = 1_000
const BACK_OFF_MAX_MS = 300_000

export async function startDeliver(context: Context): Promise<RunningRole> {
  const { config, clock, log, place, keys } = context
  const db = context.openDatabase('pigeon_engine', CONNECTIONS)
  const stream = await context.openStream(db)
  const owner = `deliver-${place.index + 1}`
  const journalDir = join(config.PIGEON_DATA_DIR, 'journal')
  const left = await replayJournal(join(journalDir, owner))
  const journal = await openJournal({ dir: join(journalDir, owner) })
  const publicUrl = publicUrlOf(config)
  const mailDomain = inboundDomain(config)
  const contents = createContents({
    db,
    log,
    track: contentTracker({ publicUrl, keys }),
    ...(mailDomain === undefined
      ? {}
      : { unsubscribeAddress: unsubscribeMailbox({ domain: mailDomain, keys }) }),
    loadSigner: async (tenantId, domain) => {
      const found = await loadSigningKeys({ db, keys }, tenantId, domain)
      if (found === undefined)
        throw new Error(`The domain ${domain} is no longer verified: nothing can be signed for it.`)
      return createDkimSigner(found)
    },
  })
  const shaping = await loadShaping({ log, clock, file: config.PIGEON_SHAPING_FILE })
  const transport = createSmtpPool({
    clock,
    timeouts: timeoutsOf(config),
    defaults: shaping.limits('', []).lane,
    maxConnections: config.PIGEON_DELIVERY_CONNECTIONS,
    maxWaitMs: MAX_WAIT_MS,
    backOffBaseMs: BACK_OFF_BASE_MS,
    backOffMaxMs: BACK_OFF_MAX_MS,
  })
  const relays = createOpenRelays({
    clock,
    log,
    smtp: transport,
    allowPrivate: mayRelayPrivately(config),
    loadSecret: (sourceId) => loadRelaySecret({ db, keys }, sourceId),
  })
  const routeSettings = mailRouteSettings(config)
  const tlsSessions = createTlsSessions({ db, clock, log, modes: reportedModes(config) })
  const delivery = createDelivery({
    db,
    stream,
    clock,
    log,
    owner,
    isMine: (shard) => shard % place.count === place.index,
    journal,
    journalDir,
    left,
    contents,
    suppressions: createRecentSuppressions(),
    routes: createMailRoutes({ clock }, routeSettings),
    tlsPolicies: createTlsPolicies({ db, clock }, routeSettings),
    tlsSessions,
    transport,
    relays,
    spending: await openSpending({ db, clock, log }),
    unsubscribeUrl: unsubscribeUrl({ publicUrl, keys }),
    plans: retryPlans(config),
    settings: {
      ehloName: config.PIGEON_EHLO_NAME ?? hostname(),
      returnPath: returnPath({
        keys,
        mailbox: config.PIGEON_RETURN_PATH_PREFIX,
        domain: mailDomain,
      }),
      tls: config.PIGEON_TLS_POLICY,
    },
    maxConnections: config.PIGEON_DELIVERY_CONNECTIONS,
    pools: await openLanePools({ db, log }),
    shaping,
  })
  const stopping = new AbortController()
  const listening = listen(context.connection('pigeon_engine'), {
    channels: [CAMPAIGNS_CHANNEL, SUPPRESSIONS_CHANNEL, SOURCES_CHANNEL, LANES_CHANNEL],
    onNotify: delivery.notify,
    onReconnect: () =>
      void delivery
        .catchUp()
        .catch((error: unknown) => log.warn({ err: error }, 'Could not catch up after a lost connection.')),
    log,
    clock,
    signal: stopping.signal,
  })
  const counting = new AbortController()
  const counted = tlsSessions.run(counting.signal)
  const reports = runTlsReports(
    tlsReportDeps({ context, db, settings: routeSettings, transport }),
    stopping.signal,
  )
  const work = delivery.run(stopping.signal)
  return {
    stop: async () => {
      stopping.abort()
      await Promise.all([work, listening, reports])
      await relays.close(CLOSE_MS)
      await transport.close(CLOSE_MS)
      counting.abort()
      await counted
      await journal.close()
      await stream.close()
      await db.destroy()
    },
  }
}

function timeoutsOf(config: Config) {
  const command = config.PIGEON_COMMAND_TIMEOUT_SECONDS * 1000
  return {
    connectMs: config.PIGEON_CONNECT_TIMEOUT_SECONDS * 1000,
    bannerMs: config.PIGEON_BANNER_TIMEOUT_SECONDS * 1000,
    ehloMs: command,
    tlsMs: config.PIGEON_CONNECT_TIMEOUT_SECONDS * 1000,
    mailMs: command,
    rcptMs: command,
    dataMs: config.PIGEON_DATA_TIMEOUT_SECONDS * 1000,
    blockMs: config.PIGEON_BLOCK_TIMEOUT_SECONDS * 1000,
    dotMs: config.PIGEON_DOT_TIMEOUT_SECONDS * 1000,
    quitMs: 5_000,
  }
}
