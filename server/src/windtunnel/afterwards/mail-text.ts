/** Joins lines as mail has them. A line feed within one begins another. */
export function mailText(lines: readonly string[]): string {
  return lines.join('\n').replaceAll(/\r?\n/g, '\r\n')
}

/** `Sun, 22 Nov 2026 10:00:00 +0000` (RFC 5322, 3.3). */
export function mailDate(at: Date): string {
  return at.toUTCString().replace('GMT', '+0000')
}

/** Text in a header field: line ends out of the question, characters beyond ASCII as encoded words (RFC 2047). */
export function fieldText(text: string): string {
  const plain = text.replaceAll(/[\r\n\t]+/g, ' ').slice(0, MAX_FIELD_CHARS)
  if (!/[^\x20-\x7e]/.test(plain)) return plain
  return (plain.match(/.{1,10}/gu) ?? [])
    .map((word) => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`)
    .join('\n ')
}

const MAX_FIELD_CHARS = 200

/** In lines of 76 characters (RFC 2045, 6.8). */
export function base64Lines(text: string): string {
  return (
    Buffer.from(text)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  ).join('\n')
}
