import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { closeApp, listen } from '#http/listen.ts'
import { openAnalytics } from '#platform/analytics/open-analytics.ts'
import { relayFaults } from '#delivery/relays/source-relay.ts'
import { openFileObjects } from '#platform/objects/file-objects.ts'
import { registerRoutes } from '#roles/routes.ts'
import { createTemplateCompiler } from '#templates/template-compiler.ts'
import { createWindtunnelClient } from '#windtunnel/client.ts'
import { deliveryView, rehearsalDeps, shippedShaping } from './delivery-view.ts'
import { silentLog } from './factories.ts'
import { testApi } from './test-api.ts'

const CLOSE_MS = 1_000

const noStream = async () => Promise.reject(new Error('There is no stream in this test.'))
const noDns = async () => Promise.reject(new Error('No DNS in this test.'))

/** Every route of the public API on a port of 127.0.0.1, until the file's tests are over. History and windtunnel are away. */
export async function servedApi() {
  const dataDir = await mkdtemp(join(tmpdir(), 'pigeon-served-api-'))
  const away = { socketPath: join(dataDir, 'nobody-listens') }
  const objects = await openFileObjects({ dataDir })
  const analytics = openAnalytics(away)
  const compiler = createTemplateCompiler()
  const windtunnel = createWindtunnelClient(away)
  const shaping = await shippedShaping()
  const api = await testApi({
    register: (app, deps) =>
      registerRoutes(app, {
        ...deps,
        objects,
        analytics,
        compiler,
        windtunnel,
        ...rehearsalDeps,
        delivery: deliveryView({ db: deps.db, shaping }),
        resolveCname: noDns,
        publicUrl: 'https://mail.example.com',
        names: { namesOf: noDns, addressesOf: noDns },
        ehloName: 'mail.example.com',
        allowPrivateWebhooks: true,
        log: silentLog,
        stream: { ends: noStream, read: noStream, wait: noStream },
        appendFeedback: async () => Promise.reject(new Error('There is no stream in this test.')),
        fetchFromAmazon: async () => Promise.reject(new Error('There is no Internet in this test.')),
        mayLeaveFrom: () => true,
        providerOf: async (domain) => domain,
        relayFaults: (relay) => relayFaults({ allowPrivate: true }, relay),
        appendEvent: async () => Promise.reject(new Error('There is no history in this test.')),
        feedback: { put: async () => Promise.reject(new Error('There is no stream in this test.')) },
      }),
  })
  const url = await listen(api.app, { host: '127.0.0.1', port: 0 })
  after(async () => {
    await closeApp(api.app, CLOSE_MS)
    windtunnel.close()
    await Promise.all([analytics.close(), compiler.close()])
    await rm(dataDir, { recursive: true, force: true })
  })
  return { ...api, url }
}
