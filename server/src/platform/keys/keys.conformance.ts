import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Keys } from './keys.ts'

/** What every driver of `Keys` promises. `open` opens the same installation each time, `openOther` one with another key. */
export function keysConformance(
  name: string,
  open: () => Promise<Keys>,
  openOther: () => Promise<Keys>,
): void {
  test(`${name}: what was encrypted is read again, also after a restart`, async () => {
    const secret = Buffer.from('kæy \u0000 material')
    const envelope = await (await open()).encrypt(secret, 'dkim:1')
    assert.equal(envelope.includes(secret), false)
    assert.deepEqual(await (await open()).decrypt(envelope, 'dkim:1'), secret)
  })

  test(`${name}: an empty and a large secret survive`, async () => {
    const keys = await open()
    for (const secret of [Buffer.alloc(0), Buffer.alloc(1_000_000, 7)]) {
      assert.deepEqual(await keys.decrypt(await keys.encrypt(secret, 'x'), 'x'), secret)
    }
  })

  test(`${name}: the same secret gives another envelope each time`, async () => {
    const keys = await open()
    const [one, two] = [await keys.encrypt(Buffer.from('a'), 'x'), await keys.encrypt(Buffer.from('a'), 'x')]
    assert.notDeepEqual(one, two)
  })

  test(`${name}: an envelope of another context is refused`, async () => {
    const keys = await open()
    const envelope = await keys.encrypt(Buffer.from('a'), 'tenant:1')
    await assert.rejects(keys.decrypt(envelope, 'tenant:2'), { name: 'Problem' })
  })

  test(`${name}: an envelope with one bit changed anywhere is refused`, async () => {
    const keys = await open()
    const envelope = await keys.encrypt(Buffer.from('secret'), 'x')
    for (let at = 0; at < envelope.length; at++) {
      const changed = Buffer.from(envelope)
      changed[at] = (changed[at] ?? 0) ^ 1
      await assert.rejects(keys.decrypt(changed, 'x'), { name: 'Problem' }, `byte ${at}`)
    }
  })

  test(`${name}: bytes that are no envelope are refused`, async () => {
    const keys = await open()
    for (const junk of [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(10_000, 1), Buffer.alloc(36, 1)]) {
      await assert.rejects(keys.decrypt(junk, 'x'), { name: 'Problem' })
    }
  })

  test(`${name}: another installation cannot read it`, async () => {
    const envelope = await (await open()).encrypt(Buffer.from('a'), 'x')
    await assert.rejects((await openOther()).decrypt(envelope, 'x'), { code: 'keys.unknown_key' })
  })

  test(`${name}: a purpose always derives the same 32 bytes, another purpose or installation others`, async () => {
    const [keys, again, other] = [await open(), await open(), await openOther()]
    assert.equal(keys.derive('api-keys').length, 32)
    assert.deepEqual(keys.derive('api-keys'), again.derive('api-keys'))
    assert.notDeepEqual(keys.derive('api-keys'), keys.derive('tokens'))
    assert.notDeepEqual(keys.derive('api-keys'), other.derive('api-keys'))
  })
}
