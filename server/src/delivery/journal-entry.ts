import { crc32 } from 'node:zlib'
import type { OutcomeEvent, SendJob } from '#events/email-events.ts'
import type { MessageClass } from './lanes/fair-queue.ts'

/** An attempt whose final dot was about to leave. */
export interface JournaledDot {
  readonly messageId: string
  readonly attempt: number
  readonly shard: number
  readonly epoch: number
  /** What an outcome says besides: the next owner writes one for a dot that has none. */
  readonly job: JobIdentity
}

export type JobIdentity = Pick<
  SendJob,
  'tenantId' | 'campaignId' | 'contactId' | 'mode' | 'claimedAt' | 'domain' | 'provider' | 'expiresAt'
> & {
  /** Name of the source. */
  readonly source: string
  readonly messageClass: MessageClass
}

export interface JournaledOutcome {
  readonly shard: number
  readonly epoch: number
  readonly event: OutcomeEvent
}

export type JournalEntry =
  | { readonly kind: 'dot'; readonly dot: JournaledDot }
  | { readonly kind: 'outcome'; readonly outcome: JournaledOutcome }

const CRC_CHARS = 8

/** One line of a journal: checksum, blank, JSON, line feed. */
export function writeEntry(entry: JournalEntry): string {
  const json = JSON.stringify(entry)
  return `${checksum(json)} ${json}\n`
}

/** The entry of a line without its line feed; undefined when the line was torn or changed. */
export function readEntry(line: string): JournalEntry | undefined {
  const json = line.slice(CRC_CHARS + 1)
  if (line.length <= CRC_CHARS || line.slice(0, CRC_CHARS + 1) !== `${checksum(json)} `) return undefined
  // The checksum says that these are the bytes that writeEntry wrote, so they have its type.
  const entry: JournalEntry = JSON.parse(json)
  return entry
}

/** What names an attempt: a message that was returned is claimed again under the same number. */
export interface AttemptName {
  readonly messageId: string
  readonly attempt: number
  readonly claimedAt: string
}

export function attemptKey({ messageId, attempt, claimedAt }: AttemptName): string {
  return `${messageId}/${attempt}/${claimedAt}`
}

export function dotKey(dot: JournaledDot): string {
  return attemptKey({ messageId: dot.messageId, attempt: dot.attempt, claimedAt: dot.job.claimedAt })
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(CRC_CHARS, '0')
}
