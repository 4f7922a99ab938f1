import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { listen } from '#http/listen.ts'
import { openBrowser, openPage, PHONE, screenshot, scrollsSideways } from '@pigeon/server/test/browser.ts'
import { textContrasts } from '@pigeon/server/test/contrast.ts'
import { mailbox } from './mailbox-test-room.ts'

const browser = await openBrowser()
const LEAST_CONTRAST = 4.5
const LEAST_TARGET_PX = 44

for (const colorScheme of ['light', 'dark'] as const)
  test(`a recipient chooses lists on a phone, without JavaScript, in ${colorScheme}`, async (t) => {
    const room = await mailbox(t)
    await sql`update lists set is_public = true, description = 'Once a week, what costs less' where name = 'Offers'`.execute(
      room.database.admin,
    )
    const origin = await listen(room.app, { host: '127.0.0.1', port: 0 })
    const look = { colorScheme, viewport: PHONE, isMobile: true, javaScriptEnabled: false } as const
    const { page, complaints } = await openPage(browser, t, look)
    const check = async (title: string, name: string) => {
      await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor()
      assert.equal(await scrollsSideways(page), false)
      await screenshot(page, `preferences-${colorScheme}-${name}`)
    }
    await page.goto(origin + room.url)
    await page.getByRole('link', { name: 'Choose among your lists' }).click()
    await check('Your lists', 'lists')
    for (const label of await page.locator('label').all())
      assert.ok(((await label.boundingBox())?.height ?? 0) >= LEAST_TARGET_PX)
    await page.getByRole('checkbox', { name: 'Offers' }).uncheck()
    await page.getByRole('button', { name: 'Save' }).click()
    await check('Your choice is saved', 'saved')
    assert.deepEqual((await room.standing()).subscriptions, ['subscribed', 'unsubscribed'])
    await page.getByRole('checkbox', { name: 'Offers' }).check()
    await page.getByRole('button', { name: 'Save' }).click()
    await check('One more step', 'confirm')
    await page.getByRole('button', { name: 'Yes, subscribe again' }).click()
    await check('Your choice is saved', 'confirmed')
    assert.deepEqual((await room.standing()).subscriptions, ['subscribed', 'subscribed'])
    await page.getByRole('checkbox', { name: 'Monthly news' }).uncheck()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('status').waitFor()
    assert.deepEqual((await room.standing()).subscriptions, ['unsubscribed', 'subscribed'])
    assert.deepEqual(complaints, [])
  })

for (const colorScheme of ['light', 'dark'] as const)
  test(`every text of the lists is readable in ${colorScheme}`, async (t) => {
    const room = await mailbox(t)
    const origin = await listen(room.app, { host: '127.0.0.1', port: 0 })
    const { page } = await openPage(browser, t, { colorScheme })
    for (const path of [room.url, `${room.url}/lists`]) {
      await page.goto(origin + path)
      const contrasts = await textContrasts(page)
      assert.ok(contrasts.length >= 3)
      assert.deepEqual(
        contrasts.filter(({ ratio }) => ratio < LEAST_CONTRAST),
        [],
      )
    }
  })
