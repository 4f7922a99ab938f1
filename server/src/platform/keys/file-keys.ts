import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import { link, mkdir, open as openFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Type } from 'typebox'
import { Check } from 'typebox/value'
import { Problem } from '#platform/problem.ts'
import { KEY_ID_BYTES, open, seal, type MasterKey } from './envelope.ts'
import type { Keys } from './keys.ts'

const SECRET_BYTES = 32
const FILE_NAME = 'keys.json'
const PRIVATE_MODE = 0o600
const OTHERS = 0o077

/** The first key derives; the last encrypts; all decrypt. A second key is added by hand to rotate. */
const KeyFile = Type.Object({
  version: Type.Literal(1),
  keys: Type.Array(
    Type.Object({
      id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
      secret: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
    }),
    { minItems: 1 },
  ),
})

/**
 * Keys from `masterKey` (32 bytes in base64) or, without it, from `<dataDir>/keys.json`, which is made at first use with
 * mode 0600; processes that start together agree on one. Rejects with Problem('invalid', 'keys.…') for a key file that
 * others may read, that is damaged, or a key of the wrong length.
 */
export async function openFileKeys(options: {
  dataDir: string
  masterKey?: string | undefined
}): Promise<Keys> {
  if (options.masterKey !== undefined) return keysFrom([givenKey(options.masterKey)])
  return keysFrom(await keysOfFile(options.dataDir))
}

function keysFrom(masterKeys: readonly MasterKey[]): Keys {
  const [first] = masterKeys
  const last = masterKeys.at(-1)
  if (first === undefined || last === undefined) throw new Error('There is no master key.')
  return {
    encrypt: async (plaintext, context) => seal(last, plaintext, context),
    decrypt: async (envelope, context) => open(masterKeys, envelope, context),
    derive: (purpose) =>
      Buffer.from(hkdfSync('sha256', first.secret, Buffer.alloc(0), `pigeon:${purpose}`, SECRET_BYTES)),
  }
}

function givenKey(base64: string): MasterKey {
  const secret = Buffer.from(base64, 'base64')
  if (secret.length !== SECRET_BYTES || secret.toString('base64') !== base64) {
    throw new Problem(
      'invalid',
      'keys.wrong_length',
      'PIGEON_KEY must be 32 random bytes in base64 (44 characters).',
    )
  }
  return { id: idOf(secret), secret }
}

/** The same secret has the same id everywhere, and the id tells nothing about it. */
function idOf(secret: Buffer): Buffer {
  return createHash('sha256').update('pigeon:key-id:').update(secret).digest().subarray(0, KEY_ID_BYTES)
}

async function keysOfFile(dataDir: string): Promise<MasterKey[]> {
  const path = join(dataDir, FILE_NAME)
  await mkdir(dataDir, { recursive: true })
  const existing = await readKeyFile(path)
  if (existing !== undefined) return existing
  await createKeyFile(path)
  const created = await readKeyFile(path)
  if (created === undefined)
    throw new Problem(
      'unavailable',
      'keys.vanished',
      `The key file ${path} was removed while Pigeon started.`,
    )
  return created
}

async function readKeyFile(path: string): Promise<MasterKey[] | undefined> {
  let text: string
  try {
    const { mode } = await stat(path)
    if ((mode & OTHERS) !== 0) throw exposed(path)
    const file = await openFile(path, 'r')
    try {
      text = await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    if (error instanceof Problem) throw error
    throw new Problem(
      'invalid',
      'keys.unreadable',
      `The key file ${path} cannot be read (${codeOf(error)}). Give it to the user that runs Pigeon.`,
      { cause: error },
    )
  }
  return parseKeyFile(path, text)
}

function exposed(path: string): Problem {
  return new Problem(
    'invalid',
    'keys.exposed',
    `Other users may read the key file ${path}. If nobody did, run: chmod 600 ${path}`,
  )
}

function parseKeyFile(path: string, text: string): MasterKey[] {
  const content = parsed(text)
  if (!Check(KeyFile, content)) {
    throw new Problem(
      'invalid',
      'keys.damaged',
      `The key file ${path} is damaged. Restore it from a backup: without it no stored secret can be read.`,
    )
  }
  return content.keys.map(({ id, secret }) => ({
    id: Buffer.from(id, 'hex'),
    secret: Buffer.from(secret, 'base64'),
  }))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Written and synced beside it, then linked: `link` fails when another process was first, so its file stays. */
async function createKeyFile(path: string): Promise<void> {
  const secret = randomBytes(SECRET_BYTES)
  const content = {
    version: 1,
    keys: [{ id: idOf(secret).toString('hex'), secret: secret.toString('base64') }],
  }
  const draft = `${path}.${randomBytes(8).toString('hex')}.tmp`
  const file = await openFile(draft, 'wx', PRIVATE_MODE)
  try {
    await file.writeFile(`${JSON.stringify(content)}\n`)
    await file.sync()
    await link(draft, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await file.close()
    await unlink(draft)
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
