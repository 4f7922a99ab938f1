import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Problem } from '#platform/problem.ts'

/** Version 1: version (1 byte), key id (8), iv (12), tag (16), ciphertext. The context is additional data, not stored. */
const VERSION = 1
export const KEY_ID_BYTES = 8
const IV_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = 1 + KEY_ID_BYTES + IV_BYTES + TAG_BYTES

/** A master key: 32 bytes, and the id by which envelopes name it. */
export interface MasterKey {
  readonly id: Buffer
  readonly secret: Buffer
}

/** AES-256-GCM with a random 96-bit iv (NIST SP 800-38D, 8.2.2: safe for 2^32 envelopes of one key). */
export function seal(key: MasterKey, plaintext: Buffer, context: string): Buffer {
  const iv = randomBytes(IV_BYTES)
  const head = Buffer.concat([Buffer.of(VERSION), key.id, iv])
  const cipher = createCipheriv('aes-256-gcm', key.secret, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(additionalData(head, context))
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([head, cipher.getAuthTag(), ciphertext])
}

/** Throws Problem('invalid', 'keys.…') when the envelope is none, was changed, or belongs elsewhere. */
export function open(keys: readonly MasterKey[], envelope: Buffer, context: string): Buffer {
  if (envelope.length < HEADER_BYTES || envelope[0] !== VERSION) {
    throw new Problem(
      'invalid',
      'keys.not_an_envelope',
      'These bytes were not encrypted by this version of Pigeon.',
    )
  }
  const head = envelope.subarray(0, 1 + KEY_ID_BYTES + IV_BYTES)
  const id = head.subarray(1, 1 + KEY_ID_BYTES)
  const key = keys.find((candidate) => candidate.id.equals(id))
  if (key === undefined) {
    throw new Problem(
      'invalid',
      'keys.unknown_key',
      `Encrypted with the key ${id.toString('hex')}, which this installation does not have. Bring back the keys.json or the PIGEON_KEY that was used then.`,
    )
  }
  const decipher = createDecipheriv('aes-256-gcm', key.secret, head.subarray(1 + KEY_ID_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(additionalData(head, context))
  decipher.setAuthTag(envelope.subarray(head.length, HEADER_BYTES))
  try {
    return Buffer.concat([decipher.update(envelope.subarray(HEADER_BYTES)), decipher.final()])
  } catch (error) {
    throw new Problem(
      'invalid',
      'keys.not_authentic',
      `This secret was changed, or it does not belong to ${context}.`,
      {
        cause: error,
      },
    )
  }
}

/** Version and key id are authenticated too, so that no header can be exchanged. */
function additionalData(head: Buffer, context: string): Buffer {
  return Buffer.concat([head.subarray(0, 1 + KEY_ID_BYTES), Buffer.from(context, 'utf8')])
}
