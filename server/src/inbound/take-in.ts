import type { IdentityKeys } from '@pigeon/mail/bounces/identify-message.ts'
import { readReturnedMail } from '@pigeon/mail/bounces/read-returned-mail.ts'
import { appendFeedback } from '#events/feedback-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { unsubscribe, type UnsubscribedEvent } from '#tracking/unsubscribe.ts'
import type { InboundAddress } from './inbound-address.ts'
import { insertReturnedMail, selectTenantOf } from './inbound.store.ts'
import { newsId, readNews, type News } from './read-news.ts'

export interface TakeInDeps {
  readonly keys: IdentityKeys
  /** Sees all tenants. */
  readonly db: Database
  /** Sees one tenant at a time. */
  readonly tenants: Database
  readonly stream: Pick<Stream, 'append'>
  readonly clock: Clock
  readonly log: Log
  readonly appendEvent: (transaction: Transaction, event: UnsubscribedEvent) => Promise<void>
}

/** A mail that came in, with those of its recipients that are ours. */
export interface InboundMail {
  readonly content: Buffer
  /** Empty for the null sender. */
  readonly mailFrom: string
  readonly recipients: readonly { readonly address: string; readonly to: InboundAddress }[]
  readonly via: 'smtp' | 'imap'
}

/**
 * Takes a mail in. What it tells is durable when this resolves: in the stream, in the tables, or kept for people. The same mail
 * again changes nothing. Rejects when it could not be stored; then it must come again.
 */
export async function takeIn(deps: TakeInDeps, mail: InboundMail): Promise<readonly News[]> {
  const at = deps.clock.now()
  const read = readReturnedMail(mail.content)
  const news = mail.recipients.map(({ to }) =>
    readNews(deps.keys, { content: mail.content, mail: read, to, via: mail.via, at }),
  )
  await appendFeedback(
    deps.stream,
    news.flatMap((each) => (each.kind === 'told' ? [each.event] : [])),
  )
  for (const each of news) if (each.kind === 'unsubscribe') await takeOff(deps, each.messageId)
  await keep(deps, mail, news, at)
  deps.log.info(
    {
      via: mail.via,
      from: mail.mailFrom,
      kind: read.kind,
      news: news.map(inWords),
      octets: mail.content.length,
    },
    'A mail came back.',
  )
  return news
}

async function takeOff(deps: TakeInDeps, messageId: string): Promise<void> {
  const { tenants: db, clock, appendEvent } = deps
  const tenantId = await selectTenantOf(deps.db, messageId)
  if (tenantId !== undefined) await unsubscribe({ db, clock, appendEvent }, { tenantId, messageId }, 'list')
}

async function keep(deps: TakeInDeps, mail: InboundMail, news: readonly News[], at: Date): Promise<void> {
  const kept = news.find((each) => each.kind === 'kept')
  if (kept === undefined) return
  await insertReturnedMail(deps.db, {
    id: newsId('kept', '', mail.content),
    at,
    via: mail.via,
    why: kept.why,
    mailFrom: mail.mailFrom,
    recipients: mail.recipients.map(({ address }) => address),
    content: mail.content,
  })
}

function inWords(news: News): string {
  if (news.kind === 'told') return `${news.event.type} ${news.event.messageId}`
  return news.kind === 'unsubscribe' ? `unsubscribe ${news.messageId}` : `${news.kind} ${news.why}`
}
