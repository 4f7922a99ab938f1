import type { Buffer } from 'node:buffer'

const MAX_DECODERS = 50
const NOT_ASCII_OR_ESCAPED = /[^\u0001-\u001a\u001c-\u007e]/
/** Charsets in which ASCII octets mean something else, or NULs stand between. */
const NOT_ASCII_BASED = /^(?:utf-?16|utf-?7|hz-gb|ucs-)/i

const decoders = new Map<string, InstanceType<typeof TextDecoder>>()

/** Octets as text; an unknown charset is read as UTF-8, and what is wrong in it becomes U+FFFD. */
export function decodeCharset(octets: Buffer, charset: string): string {
  const ascii = octets.toString('latin1')
  if (!NOT_ASCII_OR_ESCAPED.test(ascii) && !NOT_ASCII_BASED.test(charset)) return ascii
  return decoderOf(charset.toLowerCase()).decode(octets)
}

function decoderOf(charset: string): InstanceType<typeof TextDecoder> {
  const known = decoders.get(charset)
  if (known !== undefined) return known
  const decoder = openDecoder(charset)
  // Anybody can name charsets: they are kept up to a number.
  if (decoders.size < MAX_DECODERS) decoders.set(charset, decoder)
  return decoder
}

function openDecoder(charset: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(charset)
  } catch (error) {
    if (error instanceof RangeError) return new TextDecoder('utf-8')
    throw error
  }
}
