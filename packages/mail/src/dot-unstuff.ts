import { Buffer } from 'node:buffer'
import { MailError } from './mail-error.ts'

const DOT_LINE = '\r\n..'
const FINAL_DOT = Buffer.from('.\r\n', 'latin1')
const DOT = 0x2e

/**
 * The message that `dotStuff` made ready for DATA, as it was (RFC 5321 4.5.2): without the dots before lines that begin
 * with one, and without the final dot. Its last line keeps its CRLF. Shares memory with `data` when no line has a dot.
 * Throws `MailError` when there is no final dot.
 */
export function undoDotStuffing(data: Buffer): Buffer {
  const end = data.length - FINAL_DOT.length
  if (!data.subarray(-FINAL_DOT.length).equals(FINAL_DOT)) {
    throw new MailError('no_final_dot', 'What follows DATA ends with a line that is a dot.')
  }
  const message = data.subarray(data[0] === DOT && data[1] === DOT ? 1 : 0, end)
  const dots: number[] = []
  for (
    let i = message.indexOf(DOT_LINE, 0, 'latin1');
    i >= 0;
    i = message.indexOf(DOT_LINE, i + 4, 'latin1')
  ) {
    dots.push(i + 2)
  }
  if (dots.length === 0) return message
  const out = Buffer.allocUnsafe(message.length - dots.length)
  let from = 0
  let at = 0
  for (const dot of dots) {
    at += message.copy(out, at, from, dot)
    from = dot + 1
  }
  message.copy(out, at, from)
  return out
}
