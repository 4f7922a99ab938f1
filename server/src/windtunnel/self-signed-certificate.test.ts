import assert from 'node:assert/strict'
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { createSelfSignedCertificate } from './self-signed-certificate.ts'

test('the certificate is good for its hosts and its time, and belongs to its key', () => {
  const hosts = [
    'mx.google.com',
    ...Array.from({ length: 12 }, (_, index) => `alt${index}.aspmx.l.google.com`),
  ] as const
  const { key, cert } = createSelfSignedCertificate(
    ['mx.google.com', ...hosts.slice(1)],
    new Date('2026-11-22T10:00:00Z'),
  )
  const certificate = new X509Certificate(cert)
  assert.ok(certificate.verify(certificate.publicKey))
  assert.ok(certificate.checkPrivateKey(createPrivateKey(key)))
  for (const host of hosts) assert.equal(certificate.checkHost(host), host)
  assert.equal(certificate.checkHost('mx.yahoo.com'), undefined)
  assert.equal(certificate.subject, 'CN=mx.google.com')
  assert.equal(certificate.validFromDate.toISOString(), '2026-11-21T10:00:00.000Z')
  assert.equal(certificate.validToDate.toISOString(), '2027-11-22T10:00:00.000Z')
})

test('two certificates have different keys and serial numbers', () => {
  const [one, two] = [1, 2].map(() => createSelfSignedCertificate(['mx.x.example'], new Date()))
  assert.notEqual(one?.key, two?.key)
  assert.notEqual(
    new X509Certificate(one?.cert ?? '').serialNumber,
    new X509Certificate(two?.cert ?? '').serialNumber,
  )
})
