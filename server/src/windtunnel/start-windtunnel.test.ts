import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Problem } from '#platform/problem.ts'
import { converse } from './conversation.ts'
import { runWindtunnel } from './running-windtunnel.ts'

async function takePort(t: TestContext, host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}

test('mail finds its way by DNS alone: MX, address, banner of that provider', async (t) => {
  const { windtunnel } = await runWindtunnel(t)
  const resolver = new Resolver({ timeout: 1000, tries: 1 })
  resolver.setServers([`${windtunnel.dns.host}:${windtunnel.dns.port}`])
  const banners = {
    'gmail.com': /mx\.google\.com/,
    'hotmail.com': /protection\.outlook\.com/,
    'aol.com': /yahoo\.com/,
    'fjordnett.example': /smallisp/,
  }
  for (const [domain, banner] of Object.entries(banners)) {
    const [mx] = await resolver.resolveMx(domain)
    assert.ok(mx)
    const [address = ''] = await resolver.resolve4(mx.exchange)
    const visitor = await converse(address, windtunnel.smtpPort)
    assert.match(visitor.greeting, banner)
    visitor.end()
  }
})

test('a port that is taken is a sentence that names the setting, and nothing is left open', async (t) => {
  const smtp = await takePort(t, '127.10.1.3')
  const refused = (setting: string, port: number) => (error: unknown) =>
    error instanceof Problem &&
    error.message.includes(setting) &&
    error.message.includes(String(port)) &&
    !error.message.includes('EADDR')
  await assert.rejects(
    runWindtunnel(t, { settings: { smtpPort: smtp } }),
    refused('PIGEON_WINDTUNNEL_SMTP_PORT', smtp),
  )
  const dns = await takePort(t, '127.0.0.1')
  await assert.rejects(
    runWindtunnel(t, { settings: { dns: { host: '127.0.0.1', port: dns } } }),
    refused('PIGEON_WINDTUNNEL_DNS_PORT', dns),
  )
  const control = { host: '127.0.0.1', port: await takePort(t, '127.0.0.1') }
  await assert.rejects(
    runWindtunnel(t, { settings: { control } }),
    refused('PIGEON_WINDTUNNEL_CONTROL_PORT', control.port),
  )
  const { greeting } = await converse('127.10.1.1', smtp)
  assert.equal(greeting, '', 'the providers before the taken one were closed')
})

test('two windtunnels run beside each other on ports of their own', async (t) => {
  const [one, two] = await Promise.all([runWindtunnel(t), runWindtunnel(t)])
  assert.notEqual(one.windtunnel.smtpPort, two.windtunnel.smtpPort)
  await one.client.changeHabits('plain', { step_delay_ms: 1 })
  const habits = (await two.client.providers()).find(({ name }) => name === 'plain')?.habits
  assert.equal(habits?.step_delay_ms, 0)
})

test('stopping twice is no error', async (t) => {
  const { windtunnel } = await runWindtunnel(t)
  await windtunnel.stop()
  await windtunnel.stop()
})
