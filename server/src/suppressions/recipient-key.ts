import { parseAddress } from '@pigeon/mail/address.ts'

/** The key under which the recipient of a message is suppressed. */
export function keyOfRecipient(recipient: string): string {
  const address = parseAddress(recipient, { allowSingleLabel: true })
  return address.ok ? address.key : recipient.toLowerCase()
}
