import { mkdtemp, mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { browserProgram } from './browser-program.ts'
import type { TestScope } from './database.ts'

/** A page, and what it did that a person does not see. */
export interface WatchedPage {
  readonly page: Page
  /** Addresses of all requests, those that were refused too. */
  readonly requests: readonly string[]
  /** Errors and warnings of the console, uncaught exceptions, failed requests and answers from 400 on. */
  readonly complaints: readonly string[]
}

/** Phones narrower than this are rare; the dashboard is drawn for it too. */
export const PHONE = { width: 375, height: 720 } as const
export const DESKTOP = { width: 1280, height: 800 } as const

const START_MS = 60_000
/** Generous: a loaded machine is no failure. */
const ACTION_MS = 45_000
const SCREENSHOTS = fileURLToPath(new URL('../../.cache/screenshots', import.meta.url))

/** Names and addresses beyond this machine do not resolve, a proxy is not asked, and Chromium itself stays silent. */
const ARGUMENTS = [
  '--no-sandbox',
  '--no-zygote',
  '--disable-gpu',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-domain-reliability',
  '--disable-sync',
  '--no-pings',
  '--font-render-hinting=none',
]

/** Starts Chromium without a window, as root too. One for a test file: it is closed when the file's tests are over. */
export async function openBrowser(): Promise<Browser> {
  const program = await browserProgram()
  const home = await mkdtemp(join(tmpdir(), 'pigeon-browser-'))
  const browser = await chromium.launch({
    executablePath: program.path,
    args: ARGUMENTS,
    // Nothing of the surroundings: no proxy, no profile of the person who runs the tests.
    env: { ...program.env, HOME: home, TMPDIR: home, TZ: 'UTC', LANG: 'C.UTF-8' },
    timeout: START_MS,
  })
  after(async () => {
    await browser.close()
    await rm(home, { recursive: true, force: true })
  })
  return browser
}

/** A page without cookies or anything else of the others. */
export async function openPage(
  browser: Browser,
  scope: TestScope,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: DESKTOP,
    locale: 'en-GB',
    reducedMotion: 'reduce',
    ...options,
  })
  scope.after(async () => context.close())
  context.setDefaultTimeout(ACTION_MS)
  const page = await context.newPage()
  const requests: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('requestfailed', (request) => {
    complaints.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`)
  })
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`)
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  return { page, requests, complaints }
}

/** For people to look at: `.cache/screenshots/NAME.png`, the part or the whole page. */
export async function screenshot(what: Page | Locator, name: string): Promise<void> {
  await mkdir(SCREENSHOTS, { recursive: true })
  const path = join(SCREENSHOTS, `${name}.png`)
  await ('goto' in what ? what.screenshot({ path, fullPage: true }) : what.screenshot({ path }))
}

/** Whether the page is wider than the window: a phone would scroll sideways. */
export async function scrollsSideways(page: Page): Promise<boolean> {
  return page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')
}
