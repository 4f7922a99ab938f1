import { typedAddress } from './addresses.ts'
import { field, readFields, type HeaderFields } from './header-fields.ts'
import { MAX_RECIPIENTS, type ReportedAction } from './returned-mail.ts'

/** What a report says of one recipient (RFC 3464 2.3), before it is understood. */
export interface StatusEntry {
  /** Empty when the report names none. */
  readonly recipient: string
  readonly originalRecipient: string | undefined
  /** Undefined: not given, or a word that RFC 3464 does not know. */
  readonly action: ReportedAction | undefined
  readonly status: string | undefined
  readonly diagnostic: string
  readonly remoteMta: string | undefined
}

export interface DeliveryStatus {
  readonly reportingMta: string | undefined
  readonly envelopeId: string | undefined
  readonly entries: readonly StatusEntry[]
}

const BLOCKS = /\n(?:[ \t]{0,99}\n)+/
const STATUS = /\b([245]\.\d{1,3}\.\d{1,3})\b/
const ABOUT_RECIPIENT = ['final-recipient', 'original-recipient', 'x-actual-recipient']

/** The words of programs for the actions of RFC 3464 2.3.3. */
const ACTIONS: Readonly<Record<string, ReportedAction>> = {
  failed: 'failed',
  failure: 'failed',
  fail: 'failed',
  error: 'failed',
  expired: 'failed',
  undeliverable: 'failed',
  delayed: 'delayed',
  deferred: 'delayed',
  delivered: 'delivered',
  success: 'delivered',
  relayed: 'relayed',
  expanded: 'expanded',
}

/** True when a text holds the fields of a report, wherever they stand: some programs write them into the explanation. */
export function holdsStatus(text: string): boolean {
  return /^(?:final|original)-recipient[ \t]{0,9}:/im.test(text)
}

/** Reads message/delivery-status (RFC 3464) and message/global-delivery-status (RFC 6533): blocks of fields. */
export function readDeliveryStatus(text: string): DeliveryStatus {
  const blocks = text
    .trim()
    .split(BLOCKS, MAX_RECIPIENTS + 1)
    .flatMap(apart)
    .map(readFields)
  const first = blocks.find((block) => block.has('reporting-mta')) ?? blocks[0] ?? readFields('')
  return {
    reportingMta: hostOf(field(first, 'reporting-mta')),
    envelopeId: field(first, 'original-envelope-id') || undefined,
    entries: blocks.filter(isEntry).map(entryOf),
  }
}

/** Some reports leave out the blank lines between recipients. */
function apart(block: string): string[] {
  const begins = block.split(/^(?=final-recipient[ \t]{0,9}:)/im)
  return begins.length > 2 ? begins : [block]
}

function isEntry(block: HeaderFields): boolean {
  return ABOUT_RECIPIENT.some((name) => block.has(name)) || (block.has('action') && block.has('status'))
}

function entryOf(block: HeaderFields): StatusEntry {
  const [final, original, actual] = ABOUT_RECIPIENT.map((name) => typedAddress(field(block, name)))
  const recipient = final ?? original ?? actual ?? ''
  const action = ACTIONS[/^[a-z]{1,20}/i.exec(field(block, 'action'))?.[0].toLowerCase() ?? '']
  return {
    recipient,
    originalRecipient: original === recipient ? undefined : original,
    action,
    status: STATUS.exec(field(block, 'status'))?.[1],
    diagnostic: field(block, 'diagnostic-code'),
    remoteMta: hostOf(field(block, 'remote-mta')),
  }
}

/** `dns; mx.y.example (192.0.2.1)` as the name. */
function hostOf(value: string): string | undefined {
  return /^(?:[\w-]{1,20}\s{0,9};)?\s{0,9}<?([\w.:[\]-]{1,255})/.exec(value)?.[1]
}
