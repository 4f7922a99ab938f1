import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { dkimTxtRecord } from '@pigeon/mail/dkim-keys.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { testApi } from '@pigeon/server/test/test-api.ts'
import type { TestApi } from '@pigeon/server/test/test-api.ts'
import { assertCanSendFrom } from './assert-can-send-from.ts'
import type { DnsRecord } from './domain.ts'
import { loadSigningKeys } from './load-signing-keys.ts'

interface DomainBody {
  id: string
  status: string
  verified_in: string | null
  dns_records: (DnsRecord & { status: string; found: string[]; message: string })[]
}

/** A DNS of the test's own: what is published is found, in strings of 255 as DNS has them. */
function fakeDns() {
  const zone = new Map<string, string[]>()
  return {
    zone,
    publish: async (records: readonly DnsRecord[]) => {
      for (const { name, value } of records) zone.set(name, [value])
    },
    resolveTxt: async (name: string) => {
      const texts = zone.get(name)
      if (texts === undefined) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' })
      if (texts[0] === 'SERVFAIL') throw Object.assign(new Error('broken'), { code: 'ESERVFAIL' })
      return texts.map((text) => text.match(/.{1,255}/g) ?? [])
    },
  }
}

async function add(api: TestApi, token: string, name = 'example.com'): Promise<DomainBody> {
  const reply = await api.call('POST', '/v1/domains', { token, body: { name } })
  assert.equal(reply.statusCode, 201, reply.body)
  return reply.json()
}

async function verify(api: TestApi, token: string, id: string): Promise<DomainBody> {
  const reply = await api.call('POST', `/v1/domains/${id}/verify`, { token })
  assert.equal(reply.statusCode, 200, reply.body)
  return reply.json()
}

test('a new domain says which two records to publish, and no private key leaves or lies open', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  const domain = await add(api, token, 'News.Example.com')
  assert.equal(domain.status, 'pending')
  const [rsa, ed] = domain.dns_records
  assert.match(rsa?.name ?? '', /^pg[0-9a-f]{8}-rsa\._domainkey\.news\.example\.com$/)
  assert.match(rsa?.value ?? '', /^v=DKIM1; k=rsa; p=[A-Za-z0-9+/]{392}$/)
  assert.match(ed?.name ?? '', /^pg[0-9a-f]{8}-ed\._domainkey\.news\.example\.com$/)
  assert.match(ed?.value ?? '', /^v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=$/)
  assert.equal(rsa?.status, 'unchecked')
  const { rows } = await sql<{ row: string; key: Buffer }>`
    select dkim_keys::text as row, private_key_encrypted as key from dkim_keys`.execute(api.database.admin)
  assert.equal(rows.length, 2)
  for (const { row, key } of rows) assert.doesNotMatch(row + key.toString('latin1'), /PRIVATE/)
})

test('a domain twice, or what is no domain, is refused', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  await add(api, token)
  const twice = await api.call('POST', '/v1/domains', { token, body: { name: 'EXAMPLE.com' } })
  assert.equal(twice.statusCode, 409)
  assert.equal(twice.json().code, 'domains.name_taken')
  for (const name of ['localhost', 'a b.com', 'x@example.com', '']) {
    assert.equal((await api.call('POST', '/v1/domains', { token, body: { name } })).statusCode, 422, name)
  }
})

test('domains are listed, read and deleted; those of others do not exist', async () => {
  const api = await testApi()
  const [mine, theirs] = [await api.signUp(), await api.signUp()]
  const { id } = await add(api, mine.token)
  await add(api, theirs.token, 'other.example')
  assert.deepEqual(
    (await api.call('GET', '/v1/domains', { token: mine.token }))
      .json()
      .data.map((d: { id: string }) => d.id),
    [id],
  )
  assert.equal((await api.call('GET', `/v1/domains/${id}`, { token: mine.token })).statusCode, 200)
  for (const [method, url] of [
    ['GET', `/v1/domains/${id}`],
    ['DELETE', `/v1/domains/${id}`],
    ['POST', `/v1/domains/${id}/verify`],
  ] as const) {
    assert.equal((await api.call(method, url, { token: theirs.token })).statusCode, 404)
  }
  assert.equal((await api.call('DELETE', `/v1/domains/${id}`, { token: mine.token })).statusCode, 204)
  assert.equal((await api.call('GET', `/v1/domains/${id}`, { token: mine.token })).statusCode, 404)
})

test('who may not change domains is refused', async () => {
  const api = await testApi()
  const { token } = await api.signUp('editor')
  assert.equal(
    (await api.call('POST', '/v1/domains', { token, body: { name: 'example.com' } })).statusCode,
    403,
  )
  assert.equal((await api.call('POST', '/v1/domains', { body: { name: 'example.com' } })).statusCode, 401)
})

test('verification says which record is missing or wrong, and what was found', async () => {
  const dns = fakeDns()
  const api = await testApi({ resolveTxt: dns.resolveTxt })
  const { token } = await api.signUp()
  const domain = await add(api, token)
  const [rsa, ed] = domain.dns_records
  assert.ok(rsa !== undefined && ed !== undefined)
  dns.zone.set(rsa.name, [rsa.value])
  let checked = await verify(api, token, domain.id)
  assert.equal(checked.status, 'pending')
  assert.deepEqual(
    checked.dns_records.map((record) => record.status),
    ['ok', 'missing'],
  )
  dns.zone.set(ed.name, ['v=DKIM1; k=ed25519; p=OTHER'])
  checked = await verify(api, token, domain.id)
  assert.deepEqual(
    checked.dns_records.map((record) => record.status),
    ['ok', 'wrong'],
  )
  assert.deepEqual(checked.dns_records[1]?.found, ['v=DKIM1; k=ed25519; p=OTHER'])
  await dns.publish([ed])
  checked = await verify(api, token, domain.id)
  assert.equal(checked.status, 'verified')
  assert.equal(
    (await api.call('GET', `/v1/domains/${domain.id}`, { token })).json().dns_records[1].status,
    'ok',
  )
})

test('a broken DNS server does not take a verified domain away, a record that is gone does', async () => {
  const dns = fakeDns()
  const api = await testApi({ resolveTxt: dns.resolveTxt })
  const { token } = await api.signUp()
  const domain = await add(api, token)
  await dns.publish(domain.dns_records)
  assert.equal((await verify(api, token, domain.id)).status, 'verified')
  const name = domain.dns_records[0]?.name ?? ''
  dns.zone.set(name, ['SERVFAIL'])
  const failed = await verify(api, token, domain.id)
  assert.equal(failed.status, 'verified')
  assert.equal(failed.dns_records[0]?.status, 'failed')
  dns.zone.delete(name)
  assert.equal((await verify(api, token, domain.id)).status, 'pending')
})

test('in sandbox the records are published first, so that they are found', async () => {
  const dns = fakeDns()
  const api = await testApi({ resolveTxt: dns.resolveTxt, publishRecords: dns.publish })
  const [one, two] = [await api.signUp(), await api.signUp()]
  for (const { token } of [one, two]) {
    const domain = await add(api, token)
    const verified = await verify(api, token, domain.id)
    assert.equal(verified.status, 'verified')
    assert.equal(verified.verified_in, 'sandbox')
  }
})

test('where mail really leaves, a name is verified for one tenant only', async () => {
  const dns = fakeDns()
  const api = await testApi({
    resolveTxt: dns.resolveTxt,
    publishRecords: dns.publish,
    installationMode: 'live',
  })
  const [one, two] = [await api.signUp(), await api.signUp()]
  assert.equal((await verify(api, one.token, (await add(api, one.token)).id)).verified_in, 'live')
  const second = await add(api, two.token)
  const reply = await api.call('POST', `/v1/domains/${second.id}/verify`, { token: two.token })
  assert.equal(reply.statusCode, 409)
  assert.equal(reply.json().code, 'domains.verified_elsewhere')
  assert.equal(
    (await api.call('GET', `/v1/domains/${second.id}`, { token: two.token })).json().status,
    'pending',
  )
})

test('only verified domains and what lies below them may send, live only with a live verification', async () => {
  const dns = fakeDns()
  const api = await testApi({ resolveTxt: dns.resolveTxt, publishRecords: dns.publish })
  const { token, tenantId } = await api.signUp()
  const other = await api.signUp()
  const send = async (from: string, mode: 'sandbox' | 'live' = 'sandbox', tenant = tenantId) =>
    asTenant(api.database.api, tenant, (transaction) => assertCanSendFrom(transaction, tenant, from, mode))
  const refused = { code: 'domains.not_verified' }
  const { id } = await add(api, token)
  await assert.rejects(send('news@example.com'), refused)
  await verify(api, token, id)
  await send('news@example.com')
  await send('News@Mail.EXAMPLE.com')
  await assert.rejects(send('news@example.com', 'live'), refused)
  for (const from of [
    'news@notexample.com',
    'news@example.com.evil.example',
    'news@com',
    'a@b@example.com',
    'x\r\n@example.com',
  ]) {
    await assert.rejects(send(from), /verified|cannot be used/, from)
  }
  await assert.rejects(send('news@example.com', 'sandbox', other.tenantId), refused)
})

test('delivery gets both private keys, and they belong to the published ones', async () => {
  const dns = fakeDns()
  const api = await testApi({ resolveTxt: dns.resolveTxt, publishRecords: dns.publish })
  const { token, tenantId } = await api.signUp()
  const domain = await add(api, token)
  const load = async (name: string) =>
    loadSigningKeys({ db: api.database.engine, keys: api.deps.keys }, tenantId, name)
  assert.equal(await load('example.com'), undefined)
  await verify(api, token, domain.id)
  const signing = await load('mail.example.com')
  assert.equal(signing?.domain, 'example.com')
  assert.deepEqual(
    signing.keys.map((key) => key.algorithm),
    ['rsa-sha256', 'ed25519-sha256'],
  )
  for (const [index, key] of signing.keys.entries()) {
    const published = domain.dns_records[index]
    assert.equal(`${key.selector}._domainkey.example.com`, published?.name)
    const pem = createPublicKey(key.privateKey).export({ type: 'spki', format: 'pem' }).toString()
    assert.equal(dkimTxtRecord(pem), published?.value)
  }
})

test('a private key that was moved to another row does not open', async () => {
  const dns = fakeDns()
  const api = await testApi({ resolveTxt: dns.resolveTxt, publishRecords: dns.publish })
  const { token, tenantId } = await api.signUp()
  const [one, two] = [await add(api, token), await add(api, token, 'two.example')]
  await verify(api, token, one.id)
  await sql`
    update dkim_keys a set private_key_encrypted = b.private_key_encrypted from dkim_keys b
     where a.domain_id = ${one.id} and b.domain_id = ${two.id} and a.algorithm = b.algorithm`.execute(
    api.database.admin,
  )
  await assert.rejects(
    loadSigningKeys({ db: api.database.engine, keys: api.deps.keys }, tenantId, 'example.com'),
  )
})
