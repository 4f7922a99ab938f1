import type { Buffer } from 'node:buffer'

const CR = 0x0d
const LF = 0x0a

/** Whether a line feed stands anywhere without a carriage return before it. RFC 5321 (2.3.8) forbids to send one. */
export function hasBareLineFeed(content: Buffer): boolean {
  for (let at = content.indexOf(LF); at !== -1; at = content.indexOf(LF, at + 1)) {
    if (content[at - 1] !== CR) return true
  }
  return false
}
