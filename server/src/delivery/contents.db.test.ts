import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { sql, type RawBuilder } from 'kysely'
import { createDkimSigner } from '@pigeon/mail/dkim.ts'
import { contentTracker } from '#tracking/track-content.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { sampleCampaign, sampleTenant, silentLog } from '@pigeon/server/test/factories.ts'
import { createContents } from './contents.ts'

const HTML = '<body><a href="https://shop.example/">x</a></body>'
const keys = { derive: (purpose: string) => Buffer.alloc(32, purpose) }

/** The HTML that is rendered of a campaign, after these changes to its rows. */
async function prepared(t: TestContext, ...changes: RawBuilder<unknown>[]): Promise<string> {
  const database = await testDatabase(t)
  const tenant = await sampleTenant(database)
  const compiled = JSON.stringify({ subject: 'Hello', html: HTML, text: '', variables: [], lines: {} })
  await sql`update template_versions set compiled = ${compiled}`.execute(database.admin)
  const id = await sampleCampaign(database, tenant)
  for (const change of changes) await change.execute(database.admin)
  const contents = createContents({
    db: database.engine,
    log: silentLog,
    loadSigner: async (_tenantId, domain) => createDkimSigner({ domain, keys: [] }),
    track: contentTracker({ publicUrl: 'https://mail.example.net/', keys }),
  })
  await contents.load([id])
  assert.equal(contents.problem(id), undefined)
  return contents.get(id)?.template.html.source ?? ''
}

test('a bulk campaign is tracked as its tenant says, through the installation', async (t) => {
  const html = await prepared(t)
  assert.match(html, /href="https:\/\/mail\.example\.net\/c\//)
  assert.match(html, /src="https:\/\/mail\.example\.net\/o\//)
})

test('privacy leaves the content as it was, whatever the campaign says', async (t) => {
  const html = await prepared(
    t,
    sql`update tenants set tracking_privacy = true`,
    sql`update campaigns set track_opens = true, track_clicks = true`,
  )
  assert.equal(html, HTML)
})

test('the host of a tenant is used for live mail once it is verified', async (t) => {
  const host = sql`update tenants set tracking_host = 'links.shop.example'`
  const verified = sql`update tenants set tracking_host_verified_at = now()`
  const live = sql`update campaigns set mode = 'live'`
  assert.match(await prepared(t, host, live), /href="https:\/\/mail\.example\.net\/c\//)
  assert.match(await prepared(t, host, verified), /href="https:\/\/mail\.example\.net\/c\//)
  assert.match(await prepared(t, host, verified, live), /href="https:\/\/links\.shop\.example\/c\//)
})

test('a campaign may be tracked otherwise than its tenant says', async (t) => {
  const html = await prepared(t, sql`update campaigns set track_clicks = false`)
  assert.match(html, /^<body><a href="https:\/\/shop\.example\/">x<\/a><img /)
})
