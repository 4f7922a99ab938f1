import { hash, verify } from '@node-rs/argon2'
import { randomBytes } from 'node:crypto'
import { Problem } from '#platform/problem.ts'

/** OWASP's recommendation for Argon2id: 19 MiB, two passes, one lane. Some 30 ms. */
const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 } as const

export const MIN_PASSWORD_CHARS = 10
/** Longer ones cost the server time and nobody types them. */
export const MAX_PASSWORD_CHARS = 256

/** Each hash holds 19 MiB and a thread: more at once would make every other request wait. */
const MAX_AT_ONCE = 2
const MAX_WAITING = 50
const BUSY_RETRY_MS = 2000

export interface Passwords {
  /** Argon2id, in PHC form. */
  hash(password: string): Promise<string>
  /** With no hash (the user is unknown) it takes as long and answers false. */
  verify(passwordHash: string | undefined, password: string): Promise<boolean>
}

/** Hashes a few at a time; more than the waiting room holds are refused with Problem('limited', 'auth.busy'). */
export function createPasswords(): Passwords {
  const gate = createGate()
  let dummy: Promise<string> | undefined
  return {
    hash: async (password) => gate(async () => hash(password, ARGON2ID)),
    verify: async (passwordHash, password) =>
      gate(async () => {
        dummy ??= hash(randomBytes(32), ARGON2ID)
        const unknown = await dummy
        const isRight = await verify(passwordHash ?? unknown, password)
        return passwordHash !== undefined && isRight
      }),
  }
}

function createGate() {
  let running = 0
  const waiting: (() => void)[] = []
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting.length >= MAX_WAITING) {
      throw new Problem(
        'limited',
        'auth.busy',
        'Too many people sign in at this moment. Try again in a few seconds.',
        {
          retryAfterMs: BUSY_RETRY_MS,
        },
      )
    }
    if (running >= MAX_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      // The place goes to the next in line, so `running` changes only when nobody waits.
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
