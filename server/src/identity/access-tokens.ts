import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { errors, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '#platform/clock.ts'
import { isUuid, uuidv7 } from '#platform/ids.ts'
import type { Keys } from '#platform/keys/keys.ts'
import type { Database } from '#platform/postgres/database.ts'
import { insertSigningKey, lockSigningKeys, selectSigningKeys } from './signing-keys.store.ts'
import type { SigningKeyRow } from './signing-keys.store.ts'

const ALGORITHM = 'RS256'
const RSA_BITS = 2048
const ISSUER = 'pigeon'
const AUDIENCE = 'pigeon-api'

/** Access tokens: JWT (RFC 7519), RS256. A token names a session; whether that is still good, the database says. */
export interface AccessTokens {
  sign(session: { id: string; userId: string; expiresAt: Date }): Promise<string>
  /** The session that a token names; `undefined` for one that is not ours, was changed, or is over. */
  verify(token: string): Promise<string | undefined>
}

interface LoadedKey {
  readonly id: string
  readonly publicKey: KeyObject
}

/** Reads the installation's key pair, or makes it at the first start. */
export async function openAccessTokens(deps: {
  db: Database
  clock: Clock
  keys: Keys
}): Promise<AccessTokens> {
  const [newest, ...older] = await loadOrCreate(deps)
  if (newest === undefined) throw new Error('There is no signing key.')
  const privateKey = createPrivateKey(
    await deps.keys.decrypt(newest.private_key_encrypted, contextOf(newest.id)),
  )
  const publicKeys = new Map([newest, ...older].map(toPublic).map((key) => [key.id, key.publicKey]))
  return {
    sign: async ({ id, userId, expiresAt }) =>
      new SignJWT({ sid: id })
        .setProtectedHeader({ alg: ALGORITHM, kid: newest.id, typ: 'JWT' })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject(userId)
        .setIssuedAt(deps.clock.now())
        .setExpirationTime(expiresAt)
        .sign(privateKey),
    verify: async (token) => verifyToken(token, publicKeys, deps.clock.now()),
  }
}

async function verifyToken(
  token: string,
  keys: ReadonlyMap<string, KeyObject>,
  now: Date,
): Promise<string | undefined> {
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid }) => {
        const key = kid === undefined ? undefined : keys.get(kid)
        if (key === undefined) throw new errors.JWKSNoMatchingKey()
        return key
      },
      {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: AUDIENCE,
        currentDate: now,
        requiredClaims: ['exp', 'sub', 'sid'],
      },
    )
    const { sid } = payload
    return typeof sid === 'string' && isUuid(sid) ? sid : undefined
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

async function loadOrCreate(deps: { db: Database; clock: Clock; keys: Keys }): Promise<SigningKeyRow[]> {
  const found = await selectSigningKeys(deps.db)
  if (found.length > 0) return found
  const made = await makeKey(deps.keys)
  return deps.db.transaction().execute(async (transaction) => {
    await lockSigningKeys(transaction)
    const others = await selectSigningKeys(transaction)
    if (others.length > 0) return others
    await insertSigningKey(transaction, made, deps.clock.now())
    return [made]
  })
}

async function makeKey(keys: Keys): Promise<SigningKeyRow> {
  const id = uuidv7()
  const pair = await promisify(generateKeyPair)('rsa', {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const envelope = await keys.encrypt(Buffer.from(pair.privateKey), contextOf(id))
  return { id, algorithm: ALGORITHM, public_key: pair.publicKey, private_key_encrypted: envelope }
}

function toPublic(row: SigningKeyRow): LoadedKey {
  return { id: row.id, publicKey: createPublicKey(row.public_key) }
}

function contextOf(id: string): string {
  return `signing-key:${id}`
}
