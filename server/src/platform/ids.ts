import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 8192
const pool = Buffer.alloc(POOL_BYTES)
let poolUsed = POOL_BYTES
let lastMs = 0
let sequence = 0

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/**
 * A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, a 12-bit counter that keeps the ids of one
 * process in order within a millisecond, and 62 random bits.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs
    sequence = 0
  } else if (++sequence > 0xfff) {
    lastMs++
    sequence = 0
  }
  if (poolUsed + 8 > POOL_BYTES) {
    randomFillSync(pool)
    poolUsed = 0
  }
  const at = poolUsed
  poolUsed += 8
  const time = lastMs.toString(16).padStart(12, '0')
  const variant = (pool.readUInt8(at) & 0x3f) | 0x80
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-7${sequence.toString(16).padStart(3, '0')}-` +
    `${hex(variant)}${hex(pool.readUInt8(at + 1))}-` +
    `${hex(pool.readUInt8(at + 2))}${hex(pool.readUInt8(at + 3))}${hex(pool.readUInt8(at + 4))}` +
    `${hex(pool.readUInt8(at + 5))}${hex(pool.readUInt8(at + 6))}${hex(pool.readUInt8(at + 7))}`
  )
}

function hex(byte: number): string {
  return HEX[byte] ?? '00'
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export function isUuid(text: string): boolean {
  return UUID.test(text)
}

/** When a UUIDv7 was made, in milliseconds since 1970; null for another UUID. */
export function uuidv7Ms(id: string): number | null {
  if (!isUuid(id) || id[14] !== '7') return null
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}
