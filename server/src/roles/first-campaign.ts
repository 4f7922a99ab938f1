import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { sampleContactsCsv } from '#contacts/sample-contacts.ts'
import { createApiKey } from '#identity/create-api-key.ts'
import { addUser, prepareUser } from '#identity/create-user.ts'
import { createPasswords } from '#identity/passwords.ts'
import { uuidv7 } from '#platform/ids.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { sampleTemplate } from '#templates/samples.ts'
import { addTenant } from '#tenants/create-tenant.ts'
import { createContext, type Context } from './context.ts'
import type { Platform } from './start-platform.ts'

export interface FirstCampaign {
  readonly contacts: number
  /** The report as one JSON object, the last line on standard output. */
  readonly isJson: boolean
  /** Nobody can look at the platform afterwards: where its API key lies is not said. */
  readonly isThrownAway?: boolean
  /** Ends the campaign's client when aborted; the platform is the caller's. */
  readonly signal?: AbortSignal
}

const CLI = fileURLToPath(new URL('../../../cli/src/pigeon.ts', import.meta.url))
const SENDER = 'news@harbour-and-pine.example'
const SENDER_NAME = 'Harbour & Pine'
const CONTACTS_SEED = 1
const ONE = { index: 0, count: 1 }

/**
 * Whether nobody was ever here. The demo tenant is made in one transaction and before its campaign, so a first start
 * that was killed is not repeated: its tenant is there, and what it had begun to send goes on.
 */
export async function isFirstStart(platform: Platform): Promise<boolean> {
  const context = await contextOf(platform)
  const db = context.openDatabase('pigeon_engine', 1)
  try {
    const { rows } = await sql<{ found: boolean }>`select exists (select from tenants) as found`.execute(db)
    return rows[0]?.found === false
  } finally {
    await db.destroy()
  }
}

/**
 * The main job, from a CSV file to the report, over the public API like any client: makes a demo tenant with an API
 * key, writes sample contacts and the newsletter as files, and lets `pigeon demo` do the rest. Resolves with its exit
 * code: 0 when the ledger balances and the windtunnel received what the platform says it delivered.
 */
export async function firstCampaign(platform: Platform, options: FirstCampaign): Promise<number> {
  const dir = join(resolve(platform.config.PIGEON_DATA_DIR), 'demo')
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const files = await writeDemoFiles(dir, options.contacts)
  const key = await createDemoTenant(await contextOf(platform))
  const keyFile = join(dir, 'api-key')
  await writeFile(keyFile, `${key}\n`, { mode: 0o600 })
  const url = `http://${connectable(platform.config.PIGEON_HTTP_HOST)}:${platform.config.PIGEON_HTTP_PORT}`
  const args = [
    'demo',
    `--contacts-file=${files.contacts}`,
    `--template-file=${files.mjml}`,
    `--template-description=${files.description}`,
    `--from=${SENDER}`,
    `--from-name=${SENDER_NAME}`,
    ...(options.isJson ? ['--json'] : []),
  ]
  const env = { ...platform.env, PIGEON_URL: url, PIGEON_API_KEY: key }
  const code = await runCli(args, env, options.signal)
  if (!options.isJson && options.isThrownAway !== true && options.signal?.aborted !== true) {
    process.stdout.write(
      `\nThe demo's API key is in ${keyFile}. The report again:\n` +
        `  PIGEON_URL=${url} PIGEON_API_KEY=$(cat ${keyFile}) npm run pigeon -- campaigns report latest\n`,
    )
  }
  return code
}

async function writeDemoFiles(dir: string, contacts: number) {
  const paths = {
    contacts: join(dir, 'contacts.csv'),
    mjml: join(dir, 'newsletter.mjml'),
    description: join(dir, 'newsletter.json'),
  }
  const { name, source, sample } = await sampleTemplate('newsletter')
  await pipeline(
    Readable.from(sampleContactsCsv({ count: contacts, seed: CONTACTS_SEED })),
    createWriteStream(paths.contacts),
  )
  await writeFile(paths.mjml, source.mjml ?? '')
  const description = { name, subject: source.subject, variables: source.variables, sample }
  await writeFile(paths.description, `${JSON.stringify(description, null, 2)}\n`)
  return paths
}

/** Tenant, person and key in one transaction; the key itself is returned and stored nowhere else. */
async function createDemoTenant(context: Context): Promise<string> {
  const { clock, keys } = context
  const deps = { clock, keys, passwords: createPasswords() }
  // Nobody signs in as this person: the demo's own client uses the key, and the owner is made by `pigeon login`.
  const person = await prepareUser(deps, {
    email: 'demo@harbour-and-pine.example',
    password: randomBytes(24).toString('base64url'),
    firstName: 'Demo',
    role: 'admin',
  })
  const tenantId = uuidv7()
  const db = context.openDatabase('pigeon_api', 1)
  try {
    return await asTenant(db, tenantId, async (transaction) => {
      await addTenant(deps, transaction, { id: tenantId, name: 'Demo', mode: 'sandbox' })
      const user = await addUser(deps, transaction, tenantId, person)
      const who = { tenantId, userId: user.id, role: 'admin', scopes: 'all', mode: 'sandbox' } as const
      const { key } = await createApiKey(deps, transaction, who, { name: 'Demo', mode: 'sandbox' })
      return key
    })
  } finally {
    await db.destroy()
  }
}

function contextOf(platform: Platform): Promise<Context> {
  const config = { ...platform.config, PIGEON_DATA_DIR: resolve(platform.config.PIGEON_DATA_DIR) }
  return createContext(config, 'demo', platform.endpoints, ONE)
}

/** Where a client on this machine finds what listens on `host`. */
function connectable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host.includes(':') ? `[${host === '::' ? '::1' : host}]` : host
}

function runCli(args: readonly string[], env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<number> {
  return new Promise((resolveCode, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], { stdio: 'inherit', env })
    const end = (): void => void child.kill('SIGTERM')
    if (signal?.aborted === true) end()
    signal?.addEventListener('abort', end, { once: true })
    child.once('error', reject)
    child.once('exit', (code) => {
      signal?.removeEventListener('abort', end)
      resolveCode(code ?? 1)
    })
  })
}
