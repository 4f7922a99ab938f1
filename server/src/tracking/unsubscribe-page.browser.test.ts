import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { listen } from '#http/listen.ts'
import { openBrowser, openPage, PHONE, screenshot, scrollsSideways } from '@pigeon/server/test/browser.ts'
import { textContrasts } from '@pigeon/server/test/contrast.ts'
import { mailbox } from './mailbox-test-room.ts'

const browser = await openBrowser()

const SUBSCRIBED = { subscriptions: ['subscribed', 'subscribed'], suppressions: [] }
const LEAST_CONTRAST = 4.5
/** Screens differ, fingers do not: WCAG 2.5.5 asks for 44. */
const LEAST_TARGET_PX = 44
/** What the keyboard is at, if that can be seen. */
const FOCUS_SHOWN = `document.querySelector(':focus-visible')?.textContent`
const LONG_NAME = 'Das-Monatliche-Rundschreiben-Der-Donaudampfschifffahrtsgesellschaft-Und-Ihrer-Freunde'

/** The page behind the link of a message that is in the database, in a browser. */
async function opened(t: TestContext, options: { listName?: string } & Parameters<typeof openPage>[2] = {}) {
  const { listName, ...look } = options
  const room = await mailbox(t, listName === undefined ? {} : { listName })
  const origin = await listen(room.app, { host: '127.0.0.1', port: 0 })
  const watched = await openPage(browser, t, look)
  await watched.page.goto(origin + room.url)
  return { ...room, ...watched, origin }
}

const heading = (page: Page) => page.getByRole('heading', { level: 1 })
const leaveList = (page: Page) => page.getByRole('button', { name: 'Unsubscribe from Monthly news' })
const leaveAll = (page: Page) =>
  page.getByRole('button', { name: 'Unsubscribe from everything by Acme & Sons' })
const undo = (page: Page) => page.getByRole('button', { name: 'Undo: subscribe again' })

async function isShown(page: Page, title: string): Promise<void> {
  await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor()
  assert.equal(await page.title(), title)
}

test('the keyboard alone unsubscribes, undoes it, and leaves everything', async (t) => {
  const { page, standing, listId, messageId, complaints } = await opened(t)
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(FOCUS_SHOWN), 'Unsubscribe from Monthly news')
  await page.keyboard.press('Enter')
  await isShown(page, 'You are unsubscribed')
  assert.equal(
    await page.getByRole('status').textContent(),
    'A•••@example.com gets no more mail from Monthly news (Acme & Sons).',
  )
  assert.deepEqual(await standing(), {
    subscriptions: ['unsubscribed', 'subscribed'],
    suppressions: [{ list_id: listId, message_id: messageId }],
  })
  await page.keyboard.press('Tab')
  await page.keyboard.press('Space')
  await isShown(page, 'You are subscribed again')
  assert.deepEqual(await standing(), SUBSCRIBED)
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await isShown(page, 'You are unsubscribed from everything')
  assert.deepEqual((await standing()).subscriptions, ['unsubscribed', 'unsubscribed'])
  assert.deepEqual(complaints, [])
})

test('it works without JavaScript', async (t) => {
  const { page, standing } = await opened(t, { javaScriptEnabled: false })
  await leaveList(page).click()
  await undo(page).click()
  assert.equal(await heading(page).textContent(), 'You are subscribed again')
  assert.deepEqual(await standing(), SUBSCRIBED)
  await leaveList(page).click()
  await leaveAll(page).click()
  assert.equal(await heading(page).textContent(), 'You are unsubscribed from everything')
  assert.deepEqual((await standing()).subscriptions, ['unsubscribed', 'unsubscribed'])
  await page.reload()
  await undo(page).click()
  assert.deepEqual(await standing(), SUBSCRIBED)
})

test('opening the link, and opening it again, changes nothing', async (t) => {
  const { page, standing, events } = await opened(t)
  await page.reload()
  await isShown(page, 'Unsubscribe?')
  assert.deepEqual(await standing(), SUBSCRIBED)
  assert.equal(events.length, 0)
})

test('the page asks nobody else for anything, and nothing is refused by its policy', async (t) => {
  const { page, requests, complaints, origin, url } = await opened(t)
  await leaveList(page).click()
  await isShown(page, 'You are unsubscribed')
  assert.deepEqual(new Set(requests), new Set([origin + url]))
  assert.deepEqual(complaints, [])
})

test('who comes back later is told how things stand', async (t) => {
  const { page, origin, url } = await opened(t)
  await leaveAll(page).click()
  await page.goto(origin + url)
  await isShown(page, 'You are already unsubscribed from everything')
  await page.getByRole('button', { name: 'Subscribe again', exact: true }).click()
  await isShown(page, 'You are subscribed again')
})

test('a link that is not ours says so in words', async (t) => {
  const { page, origin } = await opened(t)
  const reply = await page.goto(`${origin}/u/not-a-token`)
  assert.equal(reply?.status(), 404)
  await isShown(page, 'This link does not work')
  assert.equal(await page.getByRole('button').count(), 0)
  await screenshot(page, 'unsubscribe-unknown')
})

for (const colorScheme of ['light', 'dark'] as const)
  test(`every text is readable in ${colorScheme}, on every page`, async (t) => {
    const { page, origin, url } = await opened(t, { colorScheme })
    const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    assert.equal(background, { light: 'rgb(245, 247, 250)', dark: 'rgb(20, 24, 31)' }[colorScheme])
    const check = async (name: string) => {
      assert.equal(await page.locator('html').getAttribute('lang'), 'en')
      const contrasts = await textContrasts(page)
      assert.ok(contrasts.length >= 2, name)
      assert.deepEqual(
        contrasts.filter(({ ratio }) => ratio < LEAST_CONTRAST),
        [],
        name,
      )
      await screenshot(page, `unsubscribe-${colorScheme}-${name}`)
    }
    await check('question')
    await leaveList(page).click()
    await check('done')
    await undo(page).click()
    await check('undone')
    await leaveAll(page).click()
    await check('everything')
    await page.goto(`${origin}${url}x`)
    await check('unknown')
  })

for (const listName of ['Monthly news', LONG_NAME])
  test(`a phone shows it whole, with buttons for fingers: ${listName.slice(0, 20)}`, async (t) => {
    const { page } = await opened(t, { listName, viewport: PHONE, isMobile: true, hasTouch: true })
    await page.getByRole('button', { name: `Unsubscribe from ${listName}` }).waitFor()
    assert.equal(await scrollsSideways(page), false)
    for (const button of await page.getByRole('button').all()) {
      const box = await button.boundingBox()
      assert.ok(box !== null && box.height >= LEAST_TARGET_PX && box.width >= LEAST_TARGET_PX)
    }
    await screenshot(page, `unsubscribe-phone-${listName.length}`)
    await page.getByRole('button').first().tap()
    await undo(page).waitFor()
    assert.equal(await scrollsSideways(page), false)
  })
