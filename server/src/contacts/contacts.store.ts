import { sql } from 'kysely'
import type { Transaction } from '#platform/postgres/database.ts'
import type { CleanContact } from './contact-input.ts'
import type { Contact, OnExisting, SubscriptionStatus } from './contact.ts'

const columns = sql`c.id, c.email, c.first_name, c.last_name, c.attributes, c.created_at, c.updated_at`

export interface ListContact extends Contact {
  readonly status: SubscriptionStatus
  readonly subscribed_at: Date
  readonly unsubscribed_at: Date | null
}

export interface Subscription {
  readonly list_id: string
  readonly name: string
  readonly status: SubscriptionStatus
  readonly subscribed_at: Date
  readonly unsubscribed_at: Date | null
}

/**
 * Stores contacts by key: new ones whole; of those that exist what is given (`upsert`), or nothing (`skip`). Returns
 * the ids by key, and which are new.
 */
export async function upsertRows(
  db: Transaction,
  tenantId: string,
  contacts: readonly CleanContact[],
  options: { readonly onExisting: OnExisting; readonly now: Date },
): Promise<{ id: string; key: string; created: boolean }[]> {
  const given = sql`
    unnest(${contacts.map((c) => c.email)}::text[], ${contacts.map((c) => c.key)}::text[],
           ${contacts.map((c) => c.firstName)}::text[], ${contacts.map((c) => c.lastName)}::text[],
           ${contacts.map((c) => JSON.stringify(c.attributes))}::text[]) as r (email, key, first_name, last_name, attributes)`
  const made = await sql<{ id: string; key: string }>`
    insert into contacts (tenant_id, email, email_key, first_name, last_name, attributes, created_at, updated_at)
    select ${tenantId}, r.email, r.key, r.first_name, r.last_name, jsonb_strip_nulls(r.attributes::jsonb), ${options.now}, ${options.now}
      from ${given} order by r.key
    on conflict (tenant_id, email_key) do nothing returning id, email_key as key`.execute(db)
  const created = made.rows.map((row) => ({ ...row, created: true }))
  if (created.length === contacts.length) return created
  const keys = contacts.map((c) => c.key)
  const change = sql`
    update contacts c
       set email = r.email, first_name = coalesce(r.first_name, c.first_name), last_name = coalesce(r.last_name, c.last_name),
           attributes = jsonb_strip_nulls(c.attributes || r.attributes::jsonb), updated_at = ${options.now}
      from ${given}
     where c.tenant_id = ${tenantId} and c.email_key = r.key and c.email_key <> all (${created.map(({ key }) => key)}::text[])
    returning c.id, c.email_key as key`
  const look = sql`
    select c.id, c.email_key as key from contacts c
     where c.tenant_id = ${tenantId} and c.email_key = any (${keys}::text[])
       and c.email_key <> all (${created.map(({ key }) => key)}::text[])`
  const known = await sql<{
    id: string
    key: string
  }>`${options.onExisting === 'upsert' ? change : look}`.execute(db)
  return [...created, ...known.rows.map((row) => ({ ...row, created: false }))]
}

export interface NewSubscriptions {
  readonly tenantId: string
  readonly listId: string
  readonly contactIds: readonly string[]
  /** Of these the owner unsubscribed: the row says so. */
  readonly unsubscribedIds: readonly string[]
  /** These asked for the list again. */
  readonly revivedIds: readonly string[]
}

/** Subscribes contacts; a subscription that exists keeps its status, but for those that are revived. */
export async function insertSubscriptions(
  db: Transaction,
  wanted: NewSubscriptions,
  now: Date,
): Promise<void> {
  await sql`
    insert into subscriptions (list_id, contact_id, tenant_id, status, subscribed_at, unsubscribed_at)
    select ${wanted.listId}, id, ${wanted.tenantId},
           (case when id = any (${wanted.unsubscribedIds}::uuid[]) then 'unsubscribed' else 'subscribed' end)::subscription_status,
           ${now}, case when id = any (${wanted.unsubscribedIds}::uuid[]) then ${now}::timestamptz end
      from unnest(${wanted.contactIds}::uuid[]) as id order by id
    on conflict (list_id, contact_id) do nothing`.execute(db)
  if (wanted.revivedIds.length > 0) await reviveSubscriptions(db, wanted.listId, wanted.revivedIds, now)
}

export async function reviveSubscriptions(
  db: Transaction,
  listId: string,
  contactIds: readonly string[],
  now: Date,
): Promise<void> {
  await sql`
    update subscriptions set status = 'subscribed', subscribed_at = ${now}, unsubscribed_at = null
     where list_id = ${listId} and contact_id = any (${contactIds}::uuid[]) and status = 'unsubscribed'`.execute(
    db,
  )
}

/** Those of a list: by id, from the oldest. */
export async function selectListContacts(
  db: Transaction,
  listId: string,
  page: { readonly after: string | null; readonly rows: number; readonly status: SubscriptionStatus | null },
): Promise<ListContact[]> {
  const found = await sql<ListContact>`
    select ${columns}, s.status, s.subscribed_at, s.unsubscribed_at
      from subscriptions s join contacts c on c.id = s.contact_id
     where s.list_id = ${listId} and s.contact_id > ${page.after ?? '00000000-0000-0000-0000-000000000000'}
       and (${page.status}::subscription_status is null or s.status = ${page.status})
     order by s.contact_id limit ${page.rows}`.execute(db)
  return found.rows
}

export async function selectListContactsById(
  db: Transaction,
  listId: string,
  ids: readonly string[],
): Promise<ListContact[]> {
  const found = await sql<ListContact>`
    select ${columns}, s.status, s.subscribed_at, s.unsubscribed_at
      from subscriptions s join contacts c on c.id = s.contact_id
     where s.list_id = ${listId} and s.contact_id = any (${ids}::uuid[]) order by c.email_key`.execute(db)
  return found.rows
}

/** All contacts of the tenant, or the one with this key: newest first. */
export async function selectContacts(
  db: Transaction,
  page: { readonly after: string | null; readonly rows: number; readonly key: string | null },
): Promise<Contact[]> {
  const filter = page.key === null ? sql`true` : sql`c.email_key = ${page.key}`
  const found = await sql<Contact>`
    select ${columns} from contacts c
     where c.tenant_id = current_tenant() and ${filter} and (${page.after}::uuid is null or c.id < ${page.after})
     order by c.id desc limit ${page.rows}`.execute(db)
  return found.rows
}

export async function selectContact(db: Transaction, id: string): Promise<Contact | undefined> {
  const found = await sql<Contact>`select ${columns} from contacts c where c.id = ${id}`.execute(db)
  return found.rows[0]
}

export async function selectSubscriptions(db: Transaction, contactId: string): Promise<Subscription[]> {
  const found = await sql<Subscription>`
    select s.list_id, l.name, s.status, s.subscribed_at, s.unsubscribed_at
      from subscriptions s join lists l on l.id = s.list_id where s.contact_id = ${contactId} order by l.name, l.id`.execute(
    db,
  )
  return found.rows
}

/** Replaces a contact; `taken` when another contact of the tenant has the address. */
export async function replaceContact(
  db: Transaction,
  id: string,
  fields: CleanContact,
  now: Date,
): Promise<'done' | 'taken' | 'unknown'> {
  const changed = await sql<{ taken: boolean }>`
    with other as (select from contacts where tenant_id = current_tenant() and email_key = ${fields.key} and id <> ${id}),
    changed as (
      update contacts
         set email = ${fields.email}, email_key = ${fields.key}, first_name = ${fields.firstName}, last_name = ${fields.lastName},
             attributes = jsonb_strip_nulls(${JSON.stringify(fields.attributes)}::jsonb), updated_at = ${now}
       where id = ${id} and not exists (select from other) returning id
    )
    select exists (select from other) as taken from (select 1) one
     where exists (select from other) or exists (select from changed)`.execute(db)
  const [row] = changed.rows
  if (row === undefined) return 'unknown'
  return row.taken ? 'taken' : 'done'
}

export async function deleteContact(db: Transaction, id: string): Promise<boolean> {
  const gone = await sql`delete from contacts where id = ${id}`.execute(db)
  if (gone.numAffectedRows !== 1n) return false
  await sql`delete from subscriptions where contact_id = ${id}`.execute(db)
  return true
}
