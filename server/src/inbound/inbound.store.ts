import { sql } from 'kysely'
import type { Db } from '#platform/postgres/database.ts'
import type { KeptBecause } from './read-news.ts'

export interface KeptMail {
  readonly id: string
  readonly at: Date
  readonly via: 'smtp' | 'imap'
  readonly why: KeptBecause
  readonly mailFrom: string
  readonly recipients: readonly string[]
  readonly content: Buffer
}

/** Of a mail's octets at most so many are kept: a report says what it says at its beginning. */
const MAX_KEPT_OCTETS = 1024 * 1024

export async function selectTenantOf(db: Db, messageId: string): Promise<string | undefined> {
  const found = await sql<{ tenant_id: string }>`
    select tenant_id from messages where id = ${messageId}`.execute(db)
  return found.rows[0]?.tenant_id
}

/** The same mail is kept once. */
export async function insertReturnedMail(db: Db, mail: KeptMail): Promise<void> {
  await sql`
    insert into returned_mails (id, received_at, via, why, mail_from, recipients, octets, content)
    values (${mail.id}, ${mail.at}, ${mail.via}, ${mail.why}, ${mail.mailFrom}, ${mail.recipients},
            ${mail.content.length}, ${mail.content.subarray(0, MAX_KEPT_OCTETS)})
    on conflict (id) do nothing`.execute(db)
}

/** Deletes what came before a time, and of the rest all but the newest; returns how many. */
export async function deleteReturnedMails(db: Db, before: Date, keepAtMost: number): Promise<number> {
  const deleted = await sql`
    delete from returned_mails
     where received_at < ${before}
        or id in (select id from returned_mails order by received_at desc offset ${keepAtMost})`.execute(db)
  return Number(deleted.numAffectedRows ?? 0n)
}
