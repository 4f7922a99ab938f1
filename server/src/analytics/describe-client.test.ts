import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClientReader, describeClient } from './describe-client.ts'

const AGENTS: readonly [agent: string, client: string, os: string, device: string][] = [
  [
    'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)',
    'Gmail',
    '',
    'proxy',
  ],
  ['YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html', 'Yahoo Mail', '', 'proxy'],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
    'Apple Mail',
    'iOS',
    'mobile',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)',
    'Apple Mail',
    'macOS',
    'desktop',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
    'Chrome',
    'Windows',
    'desktop',
  ],
  [
    'Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; Microsoft Outlook 16.0.5266; ms-office; MSOffice 16)',
    'Outlook',
    'Windows',
    'desktop',
  ],
  [
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.4.0',
    'Thunderbird',
    'Linux',
    'desktop',
  ],
]

test('mail programs, browsers and proxies are told apart', () => {
  for (const [agent, client, os, device] of AGENTS)
    assert.deepEqual(describeClient(agent), { client, os, device }, agent)
})

test('what is no user agent gives nothing, whatever it is', () => {
  const nothing = { client: '', os: '', device: '' }
  for (const agent of ['', '   ', '\u0000\ud800', 'x'.repeat(100_000), '(((((', '💌'])
    assert.deepEqual(describeClient(agent), nothing, agent.slice(0, 20))
})

test('a reader answers the same the second time', () => {
  const read = createClientReader()
  const [agent = ''] = AGENTS[4] ?? []
  assert.deepEqual(read(agent), read(agent))
  assert.equal(read(agent).client, 'Chrome')
})
