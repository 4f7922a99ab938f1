import type { AddressInfo } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server'
import { hasBareLineFeed } from '@pigeon/mail/bare-line-feed.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import type { InboundAddress } from './inbound-address.ts'
import { SmtpRefusal } from './smtp-refusal.ts'
import type { InboundMail } from './take-in.ts'
import { createVisitors, type VisitorLimits } from './visitors.ts'

export interface InboundSmtpSettings extends VisitorLimits {
  readonly host: string
  /** 0: any. */
  readonly port: number
  /** What it calls itself. */
  readonly name: string
  readonly maxBytes: number
  readonly maxConnections: number
  readonly tls: SecureContextOptions
  /** A connection that says nothing for so long is closed. */
  readonly idleMs: number
  /** A connection that is open for so long is closed, whatever it says. */
  readonly sessionMs: number
}

export interface InboundSmtpDeps {
  readonly clock: Clock
  readonly log: Log
  readonly readAddress: (address: string) => InboundAddress | 'forged' | undefined
  /** Resolves when the mail is safe; only then is it taken. */
  readonly takeIn: (mail: InboundMail) => Promise<unknown>
}

export interface InboundSmtp {
  readonly port: number
  /** For connections from now on. */
  renewTls(tls: SecureContextOptions): void
  stop(): Promise<void>
}

/** RFC 5321 (4.5.3.1.8) wants 100 to be possible; a report goes to one, and a mail to us alone. */
const MAX_RECIPIENTS = 100
const MAX_LINE_BYTES = 4096
/** Commands that somebody without business here might try, and those that only the library knows. */
const NOT_OFFERED = ['AUTH', 'XCLIENT', 'XFORWARD', 'WIZ', 'SHELL', 'KILL', 'VRFY', 'EXPN']
const CLOSE_MS = 1_000

/**
 * Takes mail that comes back, and none for anybody else. The 250 after the final dot is said when the mail is safe. Problem
 * `inbound.cannot_listen` when the port cannot be had.
 */
export async function startInboundSmtp(
  deps: InboundSmtpDeps,
  settings: InboundSmtpSettings,
): Promise<InboundSmtp> {
  const visitors = createVisitors(deps, settings)
  const ends = new Map<string, NodeJS.Timeout>()
  const server = new SMTPServer({
    ...settings.tls,
    name: settings.name,
    size: settings.maxBytes,
    maxClients: settings.maxConnections,
    maxRecipients: MAX_RECIPIENTS,
    maxCommandLength: MAX_LINE_BYTES,
    socketTimeout: settings.idleMs,
    closeTimeout: CLOSE_MS,
    authOptional: true,
    disabledCommands: NOT_OFFERED,
    disableReverseLookup: true,
    // Enhanced codes stand in our own words.
    hideENHANCEDSTATUSCODES: true,
    logger: false,
    onConnect: ({ id, remoteAddress }, done) => {
      if (!visitors.enter(id, remoteAddress))
        return done(new SmtpRefusal(421, '4.7.0 Too many connections from your address'))
      ends.set(id, setTimeout(() => endSession(server, id), settings.sessionMs).unref())
      done()
    },
    onClose: ({ id }) => {
      visitors.leave(id)
      clearTimeout(ends.get(id))
      ends.delete(id)
    },
    onMailFrom: (_address, { remoteAddress }, done) =>
      done(
        visitors.mail(remoteAddress)
          ? null
          : new SmtpRefusal(450, '4.7.1 Too many mails from your address in a minute, try again later'),
      ),
    onRcptTo: ({ address }, _session, done) => done(refusalOf(deps.readAddress(address))),
    onData: (stream, session, done) => void answer(receive(deps, settings, stream, session), done),
  })
  // What goes wrong on one connection (a broken handshake, a reset) is that connection's.
  server.on('error', (error) => deps.log.debug({ err: error }, 'An SMTP connection broke.'))
  await listen(server, settings)
  return {
    port: (server.server.address() as AddressInfo).port,
    renewTls: (tls) => server.updateSecureContext(tls),
    stop: () => stop(server),
  }
}

/** Who is giving us a mail may end it within `CLOSE_MS`; the others go at once. */
function stop(server: SMTPServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(resolve))
  for (const connection of server.connections)
    if (connection.session.envelope.rcptTo.length === 0) connection.send(421, '4.3.2 This server stops')
  return closed
}

function refusalOf(found: InboundAddress | 'forged' | undefined): SmtpRefusal | null {
  if (found === 'forged') return new SmtpRefusal(550, '5.1.1 This address was not given out here')
  return found === undefined ? new SmtpRefusal(550, '5.7.1 No mail is taken for this address') : null
}

function endSession(server: SMTPServer, id: string): void {
  for (const connection of server.connections)
    if (connection.id === id) connection.send(421, '4.4.2 This connection was open for too long')
}

async function answer(
  taken: Promise<void>,
  done: (error?: Error | null, words?: string) => void,
): Promise<void> {
  try {
    await taken
  } catch (error) {
    return done(error instanceof Error ? error : new Error(String(error)))
  }
  done(null, '2.0.0 Taken')
}

async function receive(
  deps: InboundSmtpDeps,
  settings: InboundSmtpSettings,
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
): Promise<void> {
  const content = await readContent(stream)
  if (content === undefined) throw new SmtpRefusal(552, `5.3.4 At most ${settings.maxBytes} octets are taken`)
  // What another server takes for the end of a mail is none here (SMTP smuggling), and nothing honest sends it.
  if (hasBareLineFeed(content))
    throw new SmtpRefusal(550, '5.6.11 A line feed without a carriage return is not taken')
  const { mailFrom, rcptTo } = session.envelope
  const recipients = rcptTo.flatMap(({ address }) => {
    const to = deps.readAddress(address)
    return to === undefined || to === 'forged' ? [] : [{ address, to }]
  })
  try {
    await deps.takeIn({
      content,
      mailFrom: mailFrom === false ? '' : mailFrom.address,
      recipients,
      via: 'smtp',
    })
  } catch (error) {
    deps.log.error(
      { err: error, from: session.remoteAddress },
      'A mail could not be taken; it will come again.',
    )
    throw new SmtpRefusal(451, '4.3.0 It could not be stored, try again later')
  }
}

/** The whole content, or undefined when it is larger than allowed: then it is read to its end and not kept. */
async function readContent(stream: SMTPServerDataStream): Promise<Buffer | undefined> {
  let chunks: Buffer[] = []
  for await (const chunk of stream) {
    if (stream.sizeExceeded) chunks = []
    else if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  }
  return stream.sizeExceeded ? undefined : Buffer.concat(chunks)
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'it is already in use by another program'],
  ['EACCES', 'this user may not listen there'],
  ['EADDRNOTAVAIL', 'this machine does not have the address'],
])

async function listen(server: SMTPServer, { host, port }: InboundSmtpSettings): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', (cause) => {
      const why = REASONS.get('code' in cause ? String(cause.code) : '') ?? cause.message
      const message = `Mail that comes back cannot be taken at ${host}:${port}: ${why}. Set PIGEON_INBOUND_HOST and PIGEON_INBOUND_PORT to what is free.`
      reject(new Problem('unavailable', 'inbound.cannot_listen', message, { cause }))
    })
    server.listen(port, host, resolve)
  })
}
