import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testApi } from '@pigeon/server/test/test-api.ts'
import type { ResolveCname } from './resolve-cname.ts'
import { registerTrackingSettings } from './tracking-settings.routes.ts'

const ALL = { opens: true, clicks: true, privacy: false, host: null }

async function settings(role: 'owner' | 'viewer' = 'owner') {
  const dns = new Map<string, string[]>()
  const resolveCname: ResolveCname = async (name) => {
    const found = dns.get(name)
    if (found === undefined) throw Object.assign(new Error('none'), { code: 'ENODATA' })
    if (found.length === 0) throw Object.assign(new Error('broken'), { code: 'ESERVFAIL' })
    return found
  }
  const publicUrl = 'https://mail.example.net/path'
  const api = await testApi({
    register: (app, deps) => registerTrackingSettings(app, { ...deps, resolveCname, publicUrl }),
  })
  const { token } = await api.signUp(role)
  return {
    dns,
    read: () => api.call('GET', '/v1/tenant/tracking', { token }),
    change: (body: object) => api.call('PUT', '/v1/tenant/tracking', { token, body }),
    verify: () => api.call('POST', '/v1/tenant/tracking/verify', { token }),
    anybody: () => api.call('GET', '/v1/tenant/tracking'),
  }
}

test('a new tenant tracks opens and clicks through the installation’s host', async () => {
  const { read } = await settings()
  const reply = await read()
  assert.equal(reply.statusCode, 200)
  assert.deepEqual(reply.json(), { ...ALL, host_verified_at: null, cname: 'mail.example.net' })
})

test('what an owner says is kept; a host is verified once it is an alias, and another one is not', async () => {
  const { change, verify, dns, read } = await settings()
  const said = { opens: false, clicks: true, privacy: true, host: 'Links.Example.COM.' }
  const changed = await change(said)
  assert.equal(changed.statusCode, 200)
  assert.equal(changed.json().host, 'links.example.com')
  assert.equal((await verify()).json().code, 'tracking.host_elsewhere')
  dns.set('links.example.com', ['Mail.example.net.'])
  const verified = await verify()
  assert.equal(verified.statusCode, 200)
  assert.notEqual(verified.json().host_verified_at, null)
  assert.notEqual((await change({ ...said, privacy: false })).json().host_verified_at, null)
  dns.set('links.example.com', [])
  assert.equal((await verify()).statusCode, 503)
  assert.notEqual((await read()).json().host_verified_at, null, 'a look-up that failed says nothing')
  dns.set('links.example.com', ['elsewhere.example'])
  assert.equal((await verify()).statusCode, 409)
  assert.equal((await read()).json().host_verified_at, null)
  assert.equal((await change({ ...said, host: 'other.example.com' })).json().host_verified_at, null)
})

test('without a host there is nothing to verify', async () => {
  const { verify } = await settings()
  assert.equal((await verify()).json().code, 'tracking.no_host')
})

test('what is no host, or incomplete, is refused by name', async () => {
  const { change } = await settings()
  const reply = await change({ ...ALL, host: 'not a host' })
  assert.equal(reply.statusCode, 422)
  assert.equal(reply.json().errors[0].field, 'host')
  assert.equal((await change({ opens: true })).statusCode, 422)
})

test('who only reads changes nothing, and nobody reads without signing in', async () => {
  const { change, verify, anybody } = await settings('viewer')
  assert.equal((await change(ALL)).statusCode, 403)
  assert.equal((await verify()).statusCode, 403)
  assert.equal((await anybody()).statusCode, 401)
})
