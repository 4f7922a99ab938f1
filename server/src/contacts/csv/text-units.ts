import { Buffer, isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'
import type { Encoding } from './csv-dialect.ts'

const NOT_ASCII = /[^\u0000-\u007f]/

export interface UnitReader {
  read(bytes: Uint8Array): string
}

/**
 * Bytes as a string whose every unit stands for a fixed number of bytes, so that places in it are byte offsets: one
 * for ASCII's supersets (as Latin-1, decoded a record at a time by `decodeUnits`), two for UTF-16.
 */
export function toUnits(encoding: Encoding): UnitReader {
  if (encoding !== 'utf-16le' && encoding !== 'utf-16be') {
    return { read: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1') }
  }
  let odd = Buffer.alloc(0)
  return {
    read(bytes) {
      const all = Buffer.concat([odd, bytes])
      const even = all.length - (all.length % 2)
      odd = all.subarray(even)
      const units = all.subarray(0, even)
      return (encoding === 'utf-16be' ? units.swap16() : units).toString('utf16le')
    },
  }
}

export interface Decoded {
  readonly text: string
  readonly fault: 'bad_encoding' | 'nul_character' | undefined
}

/** Decodes units of `toUnits`. What PostgreSQL cannot store (NUL, half a surrogate pair, bad UTF-8) is a fault. */
export function decodeUnits(units: string, encoding: Encoding): Decoded {
  if (units.includes('\0')) return { text: units.replaceAll('\0', '\ufffd'), fault: 'nul_character' }
  if (encoding === 'utf-16le' || encoding === 'utf-16be') {
    return units.isWellFormed()
      ? { text: units, fault: undefined }
      : { text: units.toWellFormed(), fault: 'bad_encoding' }
  }
  if (!NOT_ASCII.test(units)) return { text: units, fault: undefined }
  const bytes = Buffer.from(units, 'latin1')
  if (encoding !== 'utf-8') return { text: decoderOf(encoding).decode(bytes), fault: undefined }
  return { text: bytes.toString('utf8'), fault: isUtf8(bytes) ? undefined : 'bad_encoding' }
}

const decoders = new Map<Encoding, TextDecoder>()

function decoderOf(encoding: Encoding): TextDecoder {
  const known = decoders.get(encoding)
  if (known !== undefined) return known
  const made = new TextDecoder(encoding)
  decoders.set(encoding, made)
  return made
}
