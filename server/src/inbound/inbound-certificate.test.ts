import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { silentLog } from '@pigeon/server/test/factories.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { createTestCertificate } from '@pigeon/server/test/scripted-smtp.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { followCertificate, openCertificate, readCertificate } from './inbound-certificate.ts'

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'pigeon-certificate-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

test('the first start makes a certificate for the host, which later starts find', async (t) => {
  const at = { files: undefined, dataDir: await directory(t), host: 'in.example' }
  const files = await openCertificate({ clock: manualClock() }, at)
  const { cert } = await readCertificate(files)
  assert.equal(new X509Certificate(String(cert)).checkHost('in.example'), 'in.example')
  assert.equal((await stat(files.key)).mode & 0o777, 0o600)
  await openCertificate({ clock: manualClock() }, at)
  assert.deepEqual((await readCertificate(files)).cert, cert)
})

test('files that are missing or do not belong together are refused with their settings', async (t) => {
  const dataDir = await directory(t)
  const files = { cert: join(dataDir, 'c.pem'), key: join(dataDir, 'k.pem') }
  const at = { files, dataDir, host: 'in.example' }
  assert.deepEqual(await openCertificate({ clock: manualClock() }, at), files)
  await assert.rejects(readCertificate(files), {
    code: 'inbound.certificate',
    message: /PIGEON_INBOUND_TLS_CERT/,
  })
  await writeFile(files.cert, createTestCertificate('in.example').cert)
  await writeFile(files.key, createTestCertificate('in.example').key)
  await assert.rejects(readCertificate(files), { code: 'inbound.certificate' })
})

test('a pair that changes is given on; half of one is not, until the other half is there', async (t) => {
  const dataDir = await directory(t)
  const clock = manualClock()
  const files = await openCertificate({ clock }, { files: undefined, dataDir, host: 'in.example' })
  const given: string[] = []
  const stopping = new AbortController()
  const following = followCertificate(
    { clock, log: silentLog },
    files,
    ({ cert }) => void given.push(String(cert)),
    stopping.signal,
  )
  const renewed = createTestCertificate('in.example')
  await writeFile(files.cert, renewed.cert)
  await utimes(files.cert, 2_000_000_000, 2_000_000_000)
  await clock.advance(60_000)
  await writeFile(files.key, renewed.key)
  await utimes(files.key, 2_000_000_000, 2_000_000_000)
  await waitFor('the new pair', async () => {
    await clock.advance(60_000)
    return given.length > 0
  })
  stopping.abort()
  await clock.advance(60_000)
  await following
  assert.deepEqual(given, [renewed.cert])
})
