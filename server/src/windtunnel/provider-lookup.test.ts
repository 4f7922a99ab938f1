import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadProfiles } from './load-profiles.ts'
import { createProviderLookup } from './provider-lookup.ts'
import { renderReply } from './smtp-words.ts'

const profiles = await loadProfiles()
const lookup = (seed: number) => createProviderLookup(profiles, seed)

test('a domain of its own belongs to its provider, whatever the seed and the case', () => {
  for (const seed of [1, 99]) {
    for (const profile of profiles) {
      for (const domain of profile.domains)
        assert.equal(lookup(seed).ofDomain(domain.toUpperCase()).name, profile.name)
    }
  }
})

test('every other domain goes to one provider by the seed, spread by weight', () => {
  const domains = Array.from({ length: 4000 }, (_, index) => `company${index}.example`)
  const spread = (seed: number) => {
    const providers = lookup(seed)
    return domains.map((domain) => providers.ofDomain(domain).name)
  }
  assert.deepEqual(spread(5), spread(5))
  assert.notDeepEqual(spread(5), spread(6))
  const share = (name: string) => spread(5).filter((it) => it === name).length / domains.length
  assert.ok(Math.abs(share('google') - 0.4) < 0.05)
  assert.ok(Math.abs(share('microsoft365') - 0.3) < 0.05)
  assert.equal(share('plain'), 0)
})

test('the MX hosts of a domain are hosts of the provider that has the domain', () => {
  const domains = [
    ...profiles.flatMap((profile) => profile.domains),
    'a.example',
    'b.example',
    'shop.c.example',
  ]
  for (const domain of domains) {
    const hosts = lookup(3).mxHosts(domain)
    assert.ok(hosts.length > 0)
    for (const { exchange } of hosts) {
      assert.equal(lookup(3).ofHost(exchange).name, lookup(3).ofDomain(domain).name, `${domain} ${exchange}`)
    }
  }
})

test('MX hosts are named as the real ones', () => {
  assert.equal(lookup(1).mxHosts('gmail.com')[0]?.exchange, 'gmail-smtp-in.l.google.com')
  assert.equal(lookup(1).mxHosts('hotmail.com')[0]?.exchange, 'hotmail-com.olc.protection.outlook.com')
  assert.equal(lookup(1).mxHosts('yahoo.com')[0]?.exchange, 'mta5.am0.yahoodns.net')
  assert.equal(lookup(1).mxHosts('smallisp.example')[0]?.exchange, 'mx1.smallisp.example')
})

test('every reply of every provider is grammatical: one code and status on all lines, no line above 512 bytes', () => {
  for (const profile of profiles) {
    for (const [situation, template] of Object.entries(profile.words)) {
      const reply = renderReply(template, (line) => line)
      const enhanced = template.status === '' ? '' : `${template.status.replaceAll('.', '\\.')} `
      const status = `${template.code}[ -]${enhanced}`
      assert.match(
        reply,
        new RegExp(`^(?:${status}[^\\r\\n]{1,498}\\r\\n)+$`),
        `${profile.name} ${situation}`,
      )
      if (template.status !== '') assert.equal(template.status[0], String(template.code)[0])
    }
    assert.equal(profile.words.unknown_user.code, 550)
    assert.equal(profile.words.unknown_user.status, '5.1.1')
    assert.match(String(profile.words.rate_limited.code), /^4[25]1$/)
  }
})
