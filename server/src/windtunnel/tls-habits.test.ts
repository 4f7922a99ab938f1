import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { get } from 'node:https'
import { test } from 'node:test'
import { runWindtunnel } from './running-windtunnel.ts'
import type { RunningWindtunnel } from './running-windtunnel.ts'
import { send } from './transactions.ts'

/** The error code of the TLS handshake with the host a domain's mail goes to; undefined when it is good. */
async function handshake(
  running: RunningWindtunnel,
  provider: string,
  host: string,
): Promise<string | undefined> {
  const ca = await running.client.authority()
  const visitor = await running.visit(provider)
  assert.match(await visitor.say('STARTTLS\r\n'), /^220 /, provider)
  try {
    await visitor.secure({ ca, servername: host })
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error && typeof error.code === 'string'
      ? error.code
      : 'unknown'
  } finally {
    visitor.end()
  }
}

test('the certificates of real providers are signed by the authority and good for every MX host', async (t) => {
  const running = await runWindtunnel(t)
  const hosts = {
    google: ['gmail-smtp-in.l.google.com', 'alt3.aspmx.l.google.com'],
    microsoft: ['hotmail-com.olc.protection.outlook.com'],
    microsoft365: ['my-shop-example.mail.protection.outlook.com'],
    apple: ['mx01.mail.icloud.com'],
    comcast: ['mx2.comcast.net'],
    stsenforce: ['mx.stsenforce.example'],
  }
  for (const [provider, names] of Object.entries(hosts))
    for (const host of names) assert.equal(await handshake(running, provider, host), undefined, host)
})

test('TLS goes wrong in four ways, and in no other', async (t) => {
  const running = await runWindtunnel(t)
  const bad = (name: string) => handshake(running, name, `mx.${name}.example`)
  assert.equal(await bad('tlsselfsigned'), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  assert.equal(await bad('tlsexpired'), 'CERT_HAS_EXPIRED')
  assert.equal(await bad('tlswrongname'), 'ERR_TLS_CERT_ALTNAME_INVALID')
  assert.match((await bad('tlsbroken')) ?? 'it was good', /^ERR_SSL_|^ECONNRESET/)
  assert.match(await send(await running.visit('tlsbroken'), 'ann@tlsbroken.example'), /^250 /, 'in plain')
})

test('the way TLS goes wrong can be changed while it runs', async (t) => {
  const running = await runWindtunnel(t)
  const host = 'gmail-smtp-in.l.google.com'
  await running.client.changeHabits('google', { tls: 'expired' })
  assert.equal(await handshake(running, 'google', host), 'CERT_HAS_EXPIRED')
  await running.client.changeHabits('google', { tls: 'none' })
  assert.match(await (await running.visit('google')).say('STARTTLS\r\n'), /^502 /)
  await running.client.changeHabits('google', { tls: 'trusted' })
  assert.equal(await handshake(running, 'google', host), undefined)
})

test('what trusts the authority goes on trusting it after a restart', async (t) => {
  const running = await runWindtunnel(t)
  const before = await running.client.authority()
  await running.restart()
  assert.equal(await running.client.authority(), before)
  assert.equal(await handshake(running, 'stsenforce', 'mx.stsenforce.example'), undefined)
})

/** The policy as a sender fetches it: by the windtunnel's DNS, over HTTPS, from the port of the receivers. */
async function fetchPolicy(
  running: RunningWindtunnel,
  domain: string,
): Promise<{ status: number; text: string }> {
  const { windtunnel, client } = running
  const resolver = new Resolver({ timeout: 1000, tries: 2 })
  resolver.setServers([`${windtunnel.dns.host}:${windtunnel.dns.port}`])
  const [address = ''] = await resolver.resolve4(`mta-sts.${domain}`)
  const ca = await client.authority()
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const target = {
    host: address,
    port: windtunnel.smtpPort,
    path: '/.well-known/mta-sts.txt',
    servername: `mta-sts.${domain}`,
    headers: { host: `mta-sts.${domain}` },
    ca,
    agent: false as const,
  }
  get(target, (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (part: string) => (text += part))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
  }).on('error', reject)
  return promise
}

test('a domain with MTA-STS announces its policy in DNS and serves it over HTTPS', async (t) => {
  const running = await runWindtunnel(t)
  const resolver = new Resolver({ timeout: 1000, tries: 2 })
  resolver.setServers([`${running.windtunnel.dns.host}:${running.windtunnel.dns.port}`])
  const record = async (domain: string) => (await resolver.resolveTxt(`_mta-sts.${domain}`)).flat().join('')
  assert.match(await record('stsenforce.example'), /^v=STSv1; id=[a-z0-9]{1,32};$/)
  assert.equal(
    (await fetchPolicy(running, 'stsenforce.example')).text,
    'version: STSv1\r\nmode: enforce\r\nmx: mx.stsenforce.example\r\nmax_age: 86400\r\n',
  )
  assert.match((await fetchPolicy(running, 'ststesting.example')).text, /mode: testing/)
  assert.equal(await handshake(running, 'stsbadcert', 'mx.stsbadcert.example'), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  await assert.rejects(record('gmail.com'), { code: /ENOTFOUND|ENODATA/ })

  const before = await record('stsenforce.example')
  await running.client.changeHabits('stsenforce', { mta_sts: 'testing' })
  assert.notEqual(await record('stsenforce.example'), before, 'a new id: it is to be fetched again')
  await running.client.changeHabits('stsenforce', { mta_sts: 'none' })
  await assert.rejects(record('stsenforce.example'), { code: /ENOTFOUND|ENODATA/ })
})
