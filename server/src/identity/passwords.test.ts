import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPasswords } from './passwords.ts'

test('the right password is right, another one is not, and nobody has none', async () => {
  const passwords = createPasswords()
  const hash = await passwords.hash('correct horse')
  assert.equal(await passwords.verify(hash, 'correct horse'), true)
  assert.equal(await passwords.verify(hash, 'Correct horse'), false)
  assert.equal(await passwords.verify(undefined, 'correct horse'), false)
})

test('an unknown user costs the same work as a known one', async () => {
  const passwords = createPasswords()
  const hash = await passwords.hash('correct horse')
  await passwords.verify(undefined, 'warm up')
  const time = async (known: string | undefined): Promise<number> => {
    const start = process.cpuUsage()
    for (let i = 0; i < 5; i++) await passwords.verify(known, 'wrong')
    const { user, system } = process.cpuUsage(start)
    return user + system
  }
  const ratio = (await time(undefined)) / (await time(hash))
  assert.ok(ratio > 0.3 && ratio < 3, `ratio ${ratio}`)
})

test('more than the waiting room holds are refused, the others are served', async () => {
  const passwords = createPasswords()
  const results = await Promise.allSettled(Array.from({ length: 60 }, async () => passwords.hash('x')))
  const refused = results.filter((result) => result.status === 'rejected')
  assert.equal(refused.length, 8)
  for (const { reason } of refused) assert.equal(reason.code, 'auth.busy')
  assert.equal(await passwords.verify(await passwords.hash('y'), 'y'), true)
})
