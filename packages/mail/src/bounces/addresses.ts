/**
 * An address in the words of a program: what `parseAddress` would take, and more; a bounce quotes what was tried. ASCII only: in
 * some languages the next word begins without a space.
 */
export const ADDRESS =
  '(?:"[^"\\n@]{1,64}"|[\\w!#$%&*+\\-/=?^`{|}~.\']{1,64})@[A-Za-z0-9](?:[\\w.-]{0,252}[A-Za-z0-9])?'

const FIRST = new RegExp(ADDRESS)
const ALL = new RegExp(ADDRESS, 'g')
/** Where an address stands alone, it may have any letters (RFC 6531). */
const INTERNATIONAL = /(?:"[^"\n@]{1,64}"|[^\s<>()[\]",;:\\@]{1,64})@[^\s<>()[\]",;:\\@]{1,253}/
const MAX_TEXT_CHARS = 10_000

/** The first address in a text. */
export function addressIn(text: string): string | undefined {
  return FIRST.exec(text.slice(0, MAX_TEXT_CHARS))?.[0]
}

/** All addresses in a text, each once. */
export function addressesIn(text: string): string[] {
  return [...new Set(text.slice(0, MAX_TEXT_CHARS).match(ALL) ?? [])]
}

/** `rfc822; <x@y>` (RFC 3464 2.3.1), or `utf-8; x@y` with letters as `\x{XXXX}` (RFC 6533 3), as the bare address. */
export function typedAddress(value: string): string | undefined {
  const semicolon = value.indexOf(';')
  const kind = semicolon < 0 ? '' : value.slice(0, semicolon).trim().toLowerCase()
  const written = value.slice(semicolon + 1)
  const text = (kind === 'utf-8' ? unescape6533(written) : written).slice(0, MAX_TEXT_CHARS)
  return INTERNATIONAL.exec(text)?.[0].replace(/\.$/, '')
}

function unescape6533(text: string): string {
  return text.replace(/\\x\{([\da-f]{1,6})\}/gi, (whole, hex: string) => {
    const point = Number.parseInt(hex, 16)
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}
