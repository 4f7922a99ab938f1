import { addressesIn } from '@pigeon/mail/bounces/addresses.ts'
import { readFields } from '@pigeon/mail/bounces/header-fields.ts'
import type { InboundAddress } from './inbound-address.ts'

/** Where servers write to whom a mail came (the envelope), and where its writer said so. */
const FIELDS = ['delivered-to', 'x-original-to', 'envelope-to', 'x-envelope-to', 'to', 'cc']
const MAX_HEADER_OCTETS = 128 * 1024
const MAX_ADDRESSEES = 100

export interface Addressee {
  readonly address: string
  readonly to: InboundAddress
}

/**
 * To which of our addresses a mail came that lay in a mailbox, where its envelope is lost. When it names none, what it brings
 * back says whose it is, as with mail to an address for complaints.
 */
export function addresseesOf(
  content: Buffer,
  readAddress: (address: string) => InboundAddress | 'forged' | undefined,
): readonly Addressee[] {
  const text = content.toString('latin1', 0, MAX_HEADER_OCTETS).replaceAll('\r\n', '\n')
  const end = text.indexOf('\n\n')
  const header = readFields(end < 0 ? text : text.slice(0, end))
  const found = new Map<string, Addressee>()
  for (const address of FIELDS.flatMap((name) => (header.get(name) ?? []).flatMap(addressesIn))) {
    const to = readAddress(address)
    if (to === undefined || to === 'forged' || found.size >= MAX_ADDRESSEES) continue
    const key = 'messageId' in to ? `${to.kind} ${to.messageId}` : to.kind
    if (!found.has(key)) found.set(key, { address, to })
  }
  return found.size > 0 ? [...found.values()] : [{ address: '', to: { kind: 'complaints' } }]
}
