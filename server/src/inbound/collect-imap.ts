import { ImapFlow } from 'imapflow'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { addresseesOf } from './addressees.ts'
import type { InboundAddress } from './inbound-address.ts'
import type { InboundMail } from './take-in.ts'

export interface ImapMailbox {
  readonly host: string
  readonly port: number
  readonly tls: 'implicit' | 'starttls' | 'none'
  readonly user: string
  readonly password: string
  readonly folder: string
  /** Larger mails are marked as seen and not read. */
  readonly maxBytes: number
  /** PEM of an authority to trust besides those of the system. */
  readonly ca?: string
}

export interface CollectDeps {
  readonly clock: Clock
  readonly log: Log
  readonly readAddress: (address: string) => InboundAddress | 'forged' | undefined
  readonly takeIn: (mail: InboundMail) => Promise<unknown>
}

const CONNECT_MS = 30_000
const GREETING_MS = 30_000
/** Without a word from the server. */
const SILENCE_MS = 60_000
/** One look into the mailbox, whatever is in it; the rest is for the next. */
const LOOK_MS = 600_000
const MAX_MAILS = 1_000
const FIRST_PAUSE_MS = 5_000
const MAX_PAUSE_MS = 600_000
const BY_UID = { uid: true } as const

/**
 * Looks into the mailbox every `intervalMs` until `signal` aborts; after a failure later and later, up to ten minutes. What was
 * collected is safe before it is marked as seen, and counts once should it be collected again.
 */
export async function runImapCollection(
  deps: CollectDeps,
  mailbox: ImapMailbox,
  intervalMs: number,
  signal: AbortSignal,
): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS
  while (!signal.aborted) {
    try {
      const mails = await collectImap(deps, mailbox, signal)
      if (mails > 0) deps.log.info({ mails, host: mailbox.host }, 'Mails were collected from the mailbox.')
      pauseMs = FIRST_PAUSE_MS
      if (mails < MAX_MAILS) await deps.clock.sleep(intervalMs, signal)
    } catch (error) {
      if (signal.aborted) return
      const { host, user, folder } = mailbox
      deps.log.warn({ err: error, host, user, folder, pause_ms: pauseMs }, 'The mailbox cannot be read now.')
      await deps.clock.sleep(pauseMs, signal)
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
    }
  }
}

/** Takes in what nobody has seen, at most `MAX_MAILS`, and marks each as seen; returns how many. */
export async function collectImap(
  deps: CollectDeps,
  mailbox: ImapMailbox,
  signal: AbortSignal,
): Promise<number> {
  const client = open(mailbox)
  const end = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)])
  const cut = () => client.close()
  // Whoever waits for an answer hears of it, too.
  client.on('error', (error) => deps.log.debug({ err: error }, 'The connection to the mailbox broke.'))
  end.addEventListener('abort', cut)
  try {
    await client.connect()
    const lock = await client.getMailboxLock(mailbox.folder)
    try {
      const unseen = await client.search({ seen: false }, BY_UID)
      const uids = Array.isArray(unseen) ? unseen.slice(0, MAX_MAILS) : []
      for (const uid of uids) await collectOne(deps, client, uid, mailbox.maxBytes)
      return uids.length
    } finally {
      lock.release()
    }
  } finally {
    end.removeEventListener('abort', cut)
    await client.logout().catch(cut)
  }
}

function open(mailbox: ImapMailbox): ImapFlow {
  const { host, port, user, password: pass, tls, ca } = mailbox
  return new ImapFlow({
    host,
    port,
    auth: { user, pass },
    secure: tls === 'implicit',
    ...(tls === 'implicit' ? {} : { doSTARTTLS: tls === 'starttls' }),
    ...(ca === undefined ? {} : { tls: { ca } }),
    connectionTimeout: CONNECT_MS,
    greetingTimeout: GREETING_MS,
    socketTimeout: SILENCE_MS,
    maxLiteralSize: mailbox.maxBytes,
    disableAutoIdle: true,
    logger: false,
  })
}

async function collectOne(deps: CollectDeps, client: ImapFlow, uid: number, maxBytes: number): Promise<void> {
  const known = await client.fetchOne(String(uid), { size: true }, BY_UID)
  // Somebody else has taken it away.
  if (known === false) return
  if ((known.size ?? 0) > maxBytes) {
    deps.log.warn({ uid, octets: known.size }, 'A mail in the mailbox is too large; it is not read.')
  } else {
    const found = await client.fetchOne(String(uid), { source: true }, BY_UID)
    if (found === false || found.source === undefined) return
    const recipients = addresseesOf(found.source, deps.readAddress)
    await deps.takeIn({ content: found.source, mailFrom: '', recipients, via: 'imap' })
  }
  await client.messageFlagsAdd(String(uid), ['\\Seen'], BY_UID)
}
