import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { openBrowser, openPage, PHONE, screenshot, scrollsSideways } from '@pigeon/server/test/browser.ts'
import { textContrasts } from '@pigeon/server/test/contrast.ts'
import { servedApi } from '@pigeon/server/test/served-api.ts'
import { GROUPS } from './openapi-groups.ts'
import { REFUSALS } from './openapi.ts'

const api = await servedApi()
const browser = await openBrowser()

const LEAST_CONTRAST = 4.5
/** Names in the address: `#/Campaigns/listCampaigns`. */
const operation = (page: Page, group: string, id: string) => page.locator(`[id="operations-${group}-${id}"]`)

const heading = (page: Page, group: string) => page.locator(`h3.opblock-tag[data-tag="${group}"]`)

async function load(page: Page, path: string) {
  const reply = await page.goto(api.url + path)
  await page.getByRole('heading', { name: GROUPS['Operation'] ?? '' }).waitFor()
  return reply
}

async function assertReadable(page: Page): Promise<void> {
  const contrasts = await textContrasts(page)
  assert.ok(contrasts.length > 20)
  assert.deepEqual(
    contrasts.filter(({ ratio }) => ratio < LEAST_CONTRAST),
    [],
  )
}

async function switchSystemTo(page: Page, colorScheme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme })
  const root = colorScheme === 'dark' ? 'html.dark-mode' : 'html:not(.dark-mode)'
  await page.locator(root).waitFor({ state: 'attached' })
}

// Drawing the page costs a second: the first tests look at the same one, one after the other.
const shared = await openPage(browser, { after }, { colorScheme: 'light' })

test('the reference loads from this server alone, under a policy that allows nothing else', async () => {
  const { page, requests, complaints } = shared
  const reply = await load(page, '/docs')
  const policy = reply?.headers()['content-security-policy'] ?? ''
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
  assert.doesNotMatch(
    policy,
    /https:|upgrade-insecure-requests/,
    'it works over HTTP in a local network, too',
  )
  assert.ok(requests.length >= 8)
  assert.deepEqual(
    requests.filter((address) => !address.startsWith(`${api.url}/docs`) && !address.startsWith('data:')),
    [],
  )
  assert.deepEqual(complaints, [])
  assert.equal(await page.title(), 'Pigeon API')
  assert.equal(await page.locator('html').getAttribute('lang'), 'en')
  assert.equal((await page.request.get(`${api.url}/docs/static/theme/icon.svg`)).status(), 200)
})

test('it shows the groups of endpoints in the order of a first journey, each with a sentence', async () => {
  const { page } = shared
  const groups = await page.evaluate<string[][]>(
    `[...document.querySelectorAll('h3.opblock-tag')].map((group) => [group.dataset.tag, group.querySelector('small')?.textContent.trim()])`,
  )
  assert.deepEqual(groups, Object.entries(GROUPS))
  const ids = JSON.stringify(api.app.swagger()).match(/"operationId":/g) ?? []
  assert.ok(ids.length > 50)
  assert.equal(await page.locator('.opblock').count(), 0, 'a group opens when it is asked for')
  let listed = 0
  for (const group of Object.keys(GROUPS)) {
    await heading(page, group).click()
    await page.locator('.opblock').first().waitFor()
    listed += await page.locator('.opblock').count()
    assert.equal(await page.locator('.opblock.is-open').count(), 0, 'its operations are closed')
    await heading(page, group).click()
    await page.locator('.opblock').first().waitFor({ state: 'detached' })
  }
  assert.equal(listed, ids.length, 'every operation is listed')
})

test('every text is readable in light and in dark, and the page follows the system while it is open', async () => {
  const { page } = shared
  const background = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
  assert.equal(await background(), 'rgb(245, 247, 250)')
  await assertReadable(page)
  await screenshot(page, 'docs-light')
  await switchSystemTo(page, 'dark')
  assert.equal(await background(), 'rgb(20, 24, 31)')
  await assertReadable(page)
  await screenshot(page, 'docs-dark')
  await switchSystemTo(page, 'light')
})

test('an operation opens with the keyboard and shows its scope, its answer and its refusals', async () => {
  const { page, complaints } = shared
  const list = operation(page, 'Campaigns', 'listCampaigns')
  await heading(page, 'Campaigns').getByRole('button').focus()
  await page.keyboard.press('Enter')
  await list.getByRole('button', { name: 'GET /v1/campaigns List' }).focus()
  await page.keyboard.press('Enter')
  await list.getByText('campaigns:read').waitFor()
  assert.match(page.url(), /#\/Campaigns\/listCampaigns$/)
  for (const text of ['of the page before.', 'has_more', 'created_at', REFUSALS[401]])
    await list
      .getByText(text ?? '')
      .first()
      .waitFor()
  for (const colorScheme of ['dark', 'light'] as const) {
    await switchSystemTo(page, colorScheme)
    await assertReadable(page)
    await screenshot(list, `docs-operation-${colorScheme}`)
  }
  assert.deepEqual(complaints, [])
})

test('a link to an operation opens it, a call can be tried with a token, and schemas stand below', async (t) => {
  const { page, requests, complaints } = await openPage(browser, t)
  const { token } = await api.signUp()
  await load(page, '/docs#/Tenant/getTenant')
  await page.getByRole('button', { name: 'Authorize' }).click()
  const dialog = page.locator('.dialog-ux')
  await dialog.getByRole('textbox').fill(token)
  await screenshot(dialog.locator('.modal-ux'), 'docs-authorize')
  await dialog.getByRole('button', { name: 'Apply credentials' }).click()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  const tenant = operation(page, 'Tenant', 'getTenant')
  await tenant.getByRole('button', { name: 'Try it out' }).click()
  await tenant.getByRole('button', { name: 'Execute' }).click()
  await tenant.getByText('"Example Ltd"').waitFor()
  assert.ok(requests.includes(`${api.url}/v1/tenant`))
  await screenshot(tenant, 'docs-tried')
  await page.getByRole('button', { name: 'Schemas' }).click()
  await page.locator('section.models').getByText('Problem', { exact: true }).waitFor()
  assert.deepEqual(complaints, [])
})

test('a phone shows it without scrolling sideways', async (t) => {
  const { page } = await openPage(browser, t, { viewport: PHONE, isMobile: true, hasTouch: true })
  await load(page, '/docs#/Campaigns/listCampaigns')
  await operation(page, 'Campaigns', 'listCampaigns').getByText('campaigns:read').waitFor()
  assert.equal(await page.evaluate('window.innerWidth'), PHONE.width)
  assert.equal(await scrollsSideways(page), false)
  await screenshot(page, 'docs-phone')
})
