import { parseAddress } from '@pigeon/mail/address.ts'
import { strToU8, zip } from 'fflate'
import { promisify } from 'node:util'
import { recordAudit, type Actor } from '#audit/record-audit.ts'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import {
  readHistory,
  selectCampaignIds,
  selectKeyOfContact,
  selectMessages,
  selectPerson,
} from './privacy.store.ts'

export interface ExportDeps {
  readonly db: Database
  readonly analytics: Analytics
  readonly clock: Clock
}

export const EXPORT_LIMITS = {
  /** Of one person. */
  messages: 10_000,
} as const

const CAMPAIGNS_AT_A_TIME = 100
/** Their transcripts have some kilobytes each. */
const MESSAGES_AT_A_TIME = 500
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

type Row = Readonly<Record<string, unknown>>

/** The archive of the person behind a contact. Problem `contacts.not_found` when there is none. */
export async function exportContact(deps: ExportDeps, actor: Actor, id: string): Promise<Buffer> {
  const key = await asTenant(deps.db, actor.tenantId, (transaction) => selectKeyOfContact(transaction, id))
  if (key === undefined)
    throw new Problem('not_found', 'contacts.not_found', 'There is no contact with this id.')
  return exportKey(deps, actor, key)
}

/** The archive of an address, whether it is a contact or not. Problem `privacy.bad_address` for what is no address. */
export async function exportAddress(deps: ExportDeps, actor: Actor, email: string): Promise<Buffer> {
  const address = parseAddress(email)
  if (!address.ok) throw new Problem('invalid', 'privacy.bad_address', 'This is not an address of a mailbox.')
  return exportKey(deps, actor, address.key)
}

/** A zip with a JSON file a kind. The whole of it is read first, so that an archive is never cut short by an error. */
async function exportKey(deps: ExportDeps, actor: Actor, key: string): Promise<Buffer> {
  const { db, clock } = deps
  const { tenantId } = actor
  const person = await asTenant(db, tenantId, (transaction) => selectPerson(transaction, key))
  const messages = await findMessages(deps, tenantId, key)
  const history = await findHistory(deps, tenantId, messages)
  const files = Object.entries({ ...person, messages, ...history })
  const archive = await promisify(zip)(
    Object.fromEntries(files.map(([name, rows]) => [`${name}.json`, strToU8(JSON.stringify(rows, null, 2))])),
  )
  // Without the address: the entry stays when the person is erased.
  const after = Object.fromEntries(files.map(([name, rows]) => [name, rows.length]))
  const [contact] = person['contacts'] ?? []
  const subject = contact === undefined ? 'an address without a contact' : `contact ${String(contact['id'])}`
  const change = { action: 'privacy.export', subject, before: null, after }
  await asTenant(db, tenantId, (transaction) => recordAudit(transaction, actor, change, clock.now()))
  return Buffer.from(archive)
}

async function findMessages(deps: ExportDeps, tenantId: string, key: string): Promise<Row[]> {
  const messages: Row[] = []
  let after: string = BEFORE_ALL
  while (true) {
    const page = { after, rows: CAMPAIGNS_AT_A_TIME }
    const ids: string[] = await asTenant(deps.db, tenantId, (transaction) =>
      selectCampaignIds(transaction, page),
    )
    for (const id of ids)
      messages.push(
        ...(await asTenant(deps.db, tenantId, (transaction) => selectMessages(transaction, id, key))),
      )
    if (messages.length > EXPORT_LIMITS.messages) {
      const detail = `More than ${EXPORT_LIMITS.messages} messages went to this address: ask whoever runs this installation.`
      throw new Problem('too_large', 'privacy.too_many_messages', detail)
    }
    const last = ids.at(-1)
    if (last === undefined) return messages
    after = last
  }
}

async function findHistory(
  deps: ExportDeps,
  tenantId: string,
  messages: readonly Row[],
): Promise<{ events: Row[]; attempts: Row[] }> {
  const all: { events: Row[]; attempts: Row[] } = { events: [], attempts: [] }
  for (let from = 0; from < messages.length; from += MESSAGES_AT_A_TIME) {
    const ids = messages.slice(from, from + MESSAGES_AT_A_TIME).map(({ id }) => String(id))
    const { events, attempts } = await readHistory(deps.analytics, tenantId, ids)
    all.events.push(...events)
    all.attempts.push(...attempts)
  }
  return all
}
