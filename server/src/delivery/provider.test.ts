import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REPLY_RULE_SETS } from '@pigeon/mail/reply-rules/reply-rules.ts'
import { providerOf } from './provider.ts'
import { PROVIDER_SUFFIXES } from './provider-suffixes.ts'

test('a provider is known by the end of its MX host, in any case and with a final dot', () => {
  const known = {
    'gmail-smtp-in.l.google.com': 'google',
    'ASPMX.L.GOOGLE.COM.': 'google',
    'outlook-com.olc.protection.outlook.com': 'microsoft',
    'contoso-com.mail.protection.outlook.com': 'microsoft365',
    'contoso-com.o-v1.mx.microsoft': 'microsoft365',
    'mta5.am0.yahoodns.net': 'yahoo',
    'mx01.mail.icloud.com': 'apple',
    'mx1.comcast.net': 'comcast',
    'smtp-in.orange.fr': 'orange',
    'mx00.gmx.net': 'gmx',
    'mxs.mail.ru': 'mail_ru',
    'mx.yandex.ru': 'yandex',
    'mail.protonmail.ch': 'proton',
    'mx.zoho.eu': 'zoho',
    'eu-smtp-inbound-1.mimecast.com': 'mimecast',
    'mxa-0001.gslb.pphosted.com': 'proofpoint',
    'd12345.ess.barracudanetworks.com': 'barracuda',
  }
  for (const [host, provider] of Object.entries(known)) assert.equal(providerOf([host]), provider, host)
})

test('a suffix begins at a dot: notgoogle.com is not google', () => {
  assert.equal(providerOf(['mx.notgoogle.com']), 'notgoogle.com')
  assert.equal(providerOf(['google.com.evil.example']), 'evil.example')
})

test('others are grouped by their site, so that all its hosts are one provider', () => {
  assert.equal(providerOf(['mx1.smallisp.example', 'mx2.smallisp.example']), 'smallisp.example')
  assert.equal(providerOf(['mx2.smallisp.example']), 'smallisp.example')
  assert.equal(providerOf(['mail.shop.co.uk']), 'shop.co.uk')
  assert.equal(providerOf(['mail.post.at']), 'post.at')
  assert.equal(providerOf(['localhost']), 'localhost')
})

test('the best host decides', () => {
  assert.equal(providerOf(['mx.own.example', 'aspmx.l.google.com']), 'own.example')
})

test('no host is a mistake of the caller', () => {
  assert.throws(() => providerOf([]), RangeError)
})

test('no suffix belongs to two providers, and none has a dot at an end', () => {
  const all = Object.values(PROVIDER_SUFFIXES).flat()
  assert.equal(new Set(all).size, all.length)
  assert.ok(all.every((suffix) => /^[a-z0-9][a-z0-9.-]*[a-z0-9]$/.test(suffix)))
})

test('the reply rules speak of providers that there are: a name that is not found here would never be asked', () => {
  const named = REPLY_RULE_SETS.flatMap((set) => set.provider ?? [])
  assert.ok(named.length > 10)
  assert.deepEqual(
    named.filter((provider) => !(provider in PROVIDER_SUFFIXES)),
    [],
  )
})
