import { runExports } from '#analytics/exports.jobs.ts'
import { runImports } from '#contacts/imports.jobs.ts'
import { createMailRoutes } from '#delivery/mail-routes.ts'
import { isPrivateAddress } from '#delivery/private-address.ts'
import { relayFaults } from '#delivery/relays/source-relay.ts'
import { loadShaping } from '#delivery/shaping/shaping.ts'
import { createTlsPolicies } from '#delivery/tls-policy/tls-policies.ts'
import { createResolveTxt } from '#domains/resolve-txt.ts'
import { createRehearsalRunner } from '#explain/run-rehearsal.ts'
import { appendFeedback } from '#events/feedback-events.ts'
import { createApp } from '#http/app.ts'
import { closeApp, listen } from '#http/listen.ts'
import { openAccessTokens } from '#identity/access-tokens.ts'
import { createAuthenticate } from '#identity/authenticate.ts'
import { createIdentityCache } from '#identity/identity-cache.ts'
import { createPasswords } from '#identity/passwords.ts'
import { createMemoryCache } from '#platform/cache/memory-cache.ts'
import { openFileObjects } from '#platform/objects/file-objects.ts'
import { createFetchFromAmazon } from '#relay-webhooks/fetch-from-amazon.ts'
import { createNameLookups } from '#sources/name-lookups.ts'
import { createTemplateCompiler } from '#templates/template-compiler.ts'
import { createResolveCname } from '#tracking/resolve-cname.ts'
import { createWindtunnelClient } from '#windtunnel/client.ts'
import { sql } from 'kysely'
import { hostname } from 'node:os'
import type { Context, RunningRole } from './context.ts'
import { mailRouteSettings, mayRelayPrivately } from './mail-route-settings.ts'
import { openPublicPages, publicUrlOf } from './public-pages.ts'
import { retryPlans } from './retry-plans.ts'
import { registerRoutes } from './routes.ts'

const CONNECTIONS = 16
const CLOSE_MS = 5_000
const LOOPBACK = '127.0.0.1'

export async function startApi(context: Context): Promise<RunningRole> {
  const { config, clock, log, keys } = context
  const db = context.openDatabase('pigeon_api', CONNECTIONS)
  const analytics = context.openAnalytics()
  const objects = await openFileObjects({ dataDir: config.PIGEON_DATA_DIR })
  const tokens = await openAccessTokens({ db, keys, clock })
  const identities = createIdentityCache({ clock })
  const compiler = createTemplateCompiler()
  const windtunnel = createWindtunnelClient({
    baseUrl: `http://${LOOPBACK}:${config.PIGEON_WINDTUNNEL_CONTROL_PORT}`,
  })
  const isSandbox = config.PIGEON_MODE === 'sandbox'
  const dns = isSandbox
    ? { servers: [`${LOOPBACK}:${config.PIGEON_WINDTUNNEL_DNS_PORT}`] }
    : { servers: config.PIGEON_DNS_SERVERS }
  const routeSettings = mailRouteSettings(config)
  const routes = createMailRoutes({ clock }, routeSettings)
  const pages = await openPublicPages(context, db)
  const authenticate = createAuthenticate({ db, clock, keys, tokens, identities })
  const app = await createApp({
    log,
    clock,
    trustedProxies: config.PIGEON_TRUSTED_PROXIES,
    authenticate,
    checks: { postgres: () => sql`select 1`.execute(db), history: () => analytics.ping() },
  })
  registerRoutes(app, {
    ...pages.deps,
    authenticate,
    stream: pages.stream,
    db,
    clock,
    log,
    keys,
    cache: createMemoryCache({ clock }),
    passwords: createPasswords(),
    tokens,
    identities,
    objects,
    analytics,
    compiler,
    windtunnel,
    installationMode: config.PIGEON_MODE,
    resolveTxt: createResolveTxt(dns),
    resolveCname: createResolveCname(dns),
    publicUrl: publicUrlOf(config),
    names: createNameLookups(dns),
    delivery: {
      routes,
      tlsPolicies: createTlsPolicies({ db, clock, readsOnly: true }, routeSettings),
      shaping: await loadShaping({ log, clock, file: config.PIGEON_SHAPING_FILE }),
      tls: config.PIGEON_TLS_POLICY,
      plans: retryPlans(config),
    },
    rehearsals: createRehearsalRunner(),
    rehearsal: {
      seed: config.PIGEON_WINDTUNNEL_SEED,
      habits: config.PIGEON_WINDTUNNEL_HABITS,
      profiles: config.PIGEON_WINDTUNNEL_PROFILES,
      maxConnections: config.PIGEON_DELIVERY_CONNECTIONS,
    },
    appendFeedback: (events) => appendFeedback(pages.stream, events),
    fetchFromAmazon: createFetchFromAmazon(),
    allowPrivateWebhooks: config.PIGEON_ALLOW_PRIVATE_WEBHOOKS,
    ehloName: config.PIGEON_EHLO_NAME ?? hostname(),
    mayLeaveFrom: (address) => isSandbox || config.PIGEON_ALLOW_PRIVATE_SOURCES || !isPrivateAddress(address),
    providerOf: async (domain) => (await routes.findProvider(config.PIGEON_MODE, domain)).provider,
    relayFaults: (relay) => relayFaults({ allowPrivate: mayRelayPrivately(config) }, relay),
    ...(isSandbox
      ? {
          publishRecords: (records) =>
            windtunnel.publish(records.map(({ type, name, value }) => ({ type, name, data: value }))),
        }
      : {}),
  })
  await listen(app, { host: config.PIGEON_HTTP_HOST, port: config.PIGEON_HTTP_PORT })
  const stopping = new AbortController()
  const job = { db, objects, clock, log, signal: stopping.signal, workerName: 'api' }
  const jobs = Promise.all([runImports(job), runExports({ ...job, analytics })])
  return {
    stop: async () => {
      stopping.abort()
      await closeApp(app, CLOSE_MS)
      await pages.stop()
      await jobs
      await compiler.close()
      await analytics.close()
      windtunnel.close()
      await db.destroy()
    },
  }
}
