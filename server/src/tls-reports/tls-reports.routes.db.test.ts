import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { sampleTenant } from '@pigeon/server/test/factories.ts'
import { testApi } from '@pigeon/server/test/test-api.ts'
import { registerTlsReports } from './tls-reports.routes.ts'

interface Listed {
  readonly data: readonly { readonly [name: string]: unknown }[]
  readonly next_cursor: string | null
}

async function withReports() {
  const api = await testApi({ register: registerTlsReports })
  const at = new Date('2026-02-03T01:00:00Z')
  await sql`
    insert into tls_reports (mode, day, domain, state, destinations, attempts, next_at, sent_to, error, created_at)
    values ('live', '2026-02-01', 'a.example', 'sent', '{mailto:tls@a.example}', 1, ${at}, 'mailto:tls@a.example', null, ${at}),
           ('live', '2026-02-02', 'a.example', 'waiting', '{mailto:tls@a.example}', 2, ${at}, null, 'no answer', ${at}),
           ('live', '2026-02-02', 'b.example', 'unwanted', '{}', 1, ${at}, null, null, ${at})`.execute(
    api.database.admin,
  )
  const tenant = await sampleTenant(api.database)
  const { token } = await api.member(tenant.tenantId, 'owner')
  const list = async (query: string, as = token) => {
    const reply = await api.call('GET', `/v1/tls-reports${query}`, { token: as })
    return { status: reply.statusCode, body: reply.json<Listed>() }
  }
  return { ...api, tenant, list, at }
}

test('reports are listed by day with their domains, whether they were sent, and why not', async () => {
  const { list, at } = await withReports()
  const { body } = await list('')
  assert.deepEqual(
    body.data.map((each) => [each['day'], each['domain'], each['state'], each['sent_to'], each['error']]),
    [
      ['2026-02-02', 'b.example', 'unwanted', null, null],
      ['2026-02-02', 'a.example', 'waiting', null, 'no answer'],
      ['2026-02-01', 'a.example', 'sent', 'mailto:tls@a.example', null],
    ],
  )
  assert.deepEqual(
    body.data.map((each) => each['next_attempt_at']),
    [null, at.toISOString(), null],
  )
  assert.equal((await list('?state=sent')).body.data.length, 1)
  assert.equal((await list('?domain=A.example')).body.data.length, 2)
})

test('reports are read page by page, and a cursor of something else is refused', async () => {
  const { list } = await withReports()
  const whole = (await list('')).body.data
  const first = await list('?limit=2')
  const next = await list(`?limit=2&cursor=${first.body.next_cursor}`)
  assert.deepEqual([...first.body.data, ...next.body.data], whole)
  const other = Buffer.from(JSON.stringify(['2026-99-99', 'a', 'live'])).toString('base64url')
  assert.equal((await list(`?cursor=${other}`)).status, 422)
  assert.equal((await list('?state=lost')).status, 422)
})

test('only owners see them', async () => {
  const { list, member, tenant } = await withReports()
  const { token } = await member(tenant.tenantId, 'editor')
  assert.equal((await list('', token)).status, 403)
  assert.equal((await list('', 'nobody')).status, 401)
})
