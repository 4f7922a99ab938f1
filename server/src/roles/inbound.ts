import { createSecretKey } from 'node:crypto'
import { hostname } from 'node:os'
import { inboundDomain } from '#config/inbound.ts'
import type { Config } from '#config/sections.ts'
import { runImapCollection, type ImapMailbox } from '#inbound/collect-imap.ts'
import { forgetReturnedMails } from '#inbound/forget-returned-mails.ts'
import { readInboundAddress, type InboundPlaces } from '#inbound/inbound-address.ts'
import { followCertificate, openCertificate, readCertificate } from '#inbound/inbound-certificate.ts'
import { startInboundSmtp } from '#inbound/start-inbound-smtp.ts'
import { takeIn, type InboundMail, type TakeInDeps } from '#inbound/take-in.ts'
import { Problem } from '#platform/problem.ts'
import { bounceKey } from '#tracking/bounce-address.ts'
import { tellUnsubscribed } from '#tracking/tell-unsubscribed.ts'
import type { Context, RunningRole } from './context.ts'

const ENGINE_CONNECTIONS = 4
const TENANT_CONNECTIONS = 2
const MEBI = 1024 * 1024
/** RFC 5321 (4.5.3.2.7): a server waits five minutes for a command. */
const IDLE_MS = 300_000
const SESSION_MS = 1_800_000

/** What comes back: bounces, complaints, unsubscriptions and replies, by SMTP and from a mailbox. */
export async function startInbound(context: Context): Promise<RunningRole> {
  const { config, clock, log, keys } = context
  const db = context.openDatabase('pigeon_engine', ENGINE_CONNECTIONS)
  const tenants = context.openDatabase('pigeon_api', TENANT_CONNECTIONS)
  const stream = await context.openStream(db)
  const identity = { verp: bounceKey(keys), unsubscribe: createSecretKey(keys.derive('unsubscribe')) }
  const places = placesOf(config)
  const deps: TakeInDeps = {
    keys: identity,
    db,
    tenants,
    stream,
    clock,
    log,
    appendEvent: tellUnsubscribed,
  }
  const readAddress = (address: string) => readInboundAddress(identity, places, address)
  const take = (mail: InboundMail) => takeIn(deps, mail)
  const name = places.domain ?? config.PIGEON_EHLO_NAME ?? hostname()
  const files = await openCertificate(deps, {
    files: filesOf(config),
    dataDir: config.PIGEON_DATA_DIR,
    host: name,
  })
  const server = await startInboundSmtp(
    { clock, log, readAddress, takeIn: take },
    {
      host: config.PIGEON_INBOUND_HOST,
      port: config.PIGEON_INBOUND_PORT,
      name,
      maxBytes: config.PIGEON_INBOUND_MAX_MB * MEBI,
      maxConnections: config.PIGEON_INBOUND_CONNECTIONS,
      connectionsPerAddress: config.PIGEON_INBOUND_CONNECTIONS_PER_ADDRESS,
      mailsPerMinute: config.PIGEON_INBOUND_MAILS_PER_MINUTE,
      tls: await readCertificate(files),
      idleMs: IDLE_MS,
      sessionMs: SESSION_MS,
    },
  )
  const stopping = new AbortController()
  const work = Promise.all([
    followCertificate(deps, files, server.renewTls, stopping.signal),
    forgetReturnedMails(deps, config.PIGEON_RETURNED_MAIL_DAYS, stopping.signal),
    ...mailboxesOf(config).map((mailbox) =>
      runImapCollection(
        { clock, log, readAddress, takeIn: take },
        mailbox,
        config.PIGEON_IMAP_SECONDS * 1000,
        stopping.signal,
      ),
    ),
  ])
  return {
    stop: async () => {
      stopping.abort()
      await server.stop()
      await work
      await stream.close()
      await tenants.destroy()
      await db.destroy()
    },
  }
}

/** Problem `inbound.half_a_certificate` when only one of the two files is set. */
function filesOf(config: Config) {
  const { PIGEON_INBOUND_TLS_CERT: cert, PIGEON_INBOUND_TLS_KEY: key } = config
  if (cert !== undefined && key !== undefined) return { cert, key }
  if (cert === undefined && key === undefined) return undefined
  const message = 'Set both PIGEON_INBOUND_TLS_CERT and PIGEON_INBOUND_TLS_KEY, or neither.'
  throw new Problem('invalid', 'inbound.half_a_certificate', message)
}

const THIS_MACHINE = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/i

/** Problem `inbound.imap_without_tls` when a password would cross a network in plain text. */
function mailboxesOf(config: Config): ImapMailbox[] {
  if (config.PIGEON_IMAP_HOST === undefined) return []
  if (config.PIGEON_IMAP_TLS === 'none' && !THIS_MACHINE.test(config.PIGEON_IMAP_HOST)) {
    const message =
      'PIGEON_IMAP_TLS may be none only for a server on this machine, as PIGEON_IMAP_HOST localhost.'
    throw new Problem('invalid', 'inbound.imap_without_tls', message)
  }
  return [
    {
      host: config.PIGEON_IMAP_HOST,
      port: config.PIGEON_IMAP_PORT,
      tls: config.PIGEON_IMAP_TLS,
      user: config.PIGEON_IMAP_USER,
      password: config.PIGEON_IMAP_PASSWORD ?? '',
      folder: config.PIGEON_IMAP_FOLDER,
      maxBytes: config.PIGEON_INBOUND_MAX_MB * MEBI,
    },
  ]
}

function placesOf(config: Config): InboundPlaces {
  const lower = (texts: readonly string[]): ReadonlySet<string> =>
    new Set(texts.map((text) => text.toLowerCase()))
  return {
    domain: inboundDomain(config),
    complaintAddresses: lower(config.PIGEON_COMPLAINT_ADDRESSES),
    replyDomains: lower(config.PIGEON_REPLY_DOMAINS),
  }
}
