import { addressIn } from './addresses.ts'
import { field, type HeaderFields } from './header-fields.ts'
import type { OriginalMessage } from './returned-mail.ts'

const VERP = /\bb-[a-z2-7]{39}@[\w.-]{1,255}/i
const TOKEN = /\/u\/([\w-]{56})(?![\w-])/
const MESSAGE_ID = /<[^<>\s]{1,996}>/

/** Where our bounce address may stand: in the bounce it is the recipient, in our message it was the envelope sender. */
const OF_BOUNCE = ['delivered-to', 'x-original-to', 'envelope-to', 'x-envelope-to', 'to']
const OF_ORIGINAL = ['return-path', 'x-envelope-from', 'errors-to', 'received']

/** What a mail that came back says of the message that it is about. None of it is verified. */
export function readOriginal(
  bounce: HeaderFields,
  original: HeaderFields,
  envelopeId: string | undefined,
): OriginalMessage {
  return {
    messageId: MESSAGE_ID.exec(field(original, 'message-id'))?.[0],
    verp: firstMatch(bounce, OF_BOUNCE, VERP) ?? firstMatch(original, OF_ORIGINAL, VERP),
    token: TOKEN.exec(field(original, 'list-unsubscribe'))?.[1],
    envelopeId,
    headers: original,
  }
}

function firstMatch(fields: HeaderFields, names: readonly string[], pattern: RegExp): string | undefined {
  for (const name of names) {
    for (const value of fields.get(name) ?? []) {
      const match = pattern.exec(value.slice(0, 4_000))
      if (match !== null) return match[0]
    }
  }
  return undefined
}

/** To whom the message was, by its own header. */
export function originalRecipient(original: HeaderFields): string | undefined {
  for (const name of ['x-hmxmroriginalrecipient', 'x-apparently-to', 'to', 'x-envelope-to', 'delivered-to']) {
    const found = addressIn(field(original, name))
    if (found !== undefined) return found
  }
  return undefined
}

/** From whom it was, in lower case: the addresses that an explanation names without blaming them. */
export function originalSenders(bounce: HeaderFields, original: HeaderFields): Set<string> {
  const values = [
    field(original, 'from'),
    field(original, 'return-path'),
    field(bounce, 'to'),
    field(bounce, 'from'),
  ]
  return new Set(values.map((value) => addressIn(value)?.toLowerCase() ?? '').filter((each) => each !== ''))
}
