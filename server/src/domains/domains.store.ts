import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { DomainStatus, SendingMode } from '#platform/postgres/database.gen.ts'
import type { RecordCheck } from './domain.ts'

export interface DomainRow {
  readonly id: string
  readonly name: string
  readonly status: DomainStatus
  readonly verified_in: SendingMode | null
  readonly verified_at: Date | null
  readonly last_checked_at: Date | null
  /** By selector. */
  readonly last_check: unknown
  readonly created_at: Date
  readonly keys: readonly { selector: string; public_key: string }[]
}

const COLUMNS =
  sql.raw(`d.id, d.name, d.status, d.verified_in, d.verified_at, d.last_checked_at, d.last_check, d.created_at,
  (select coalesce(jsonb_agg(jsonb_build_object('selector', k.selector, 'public_key', k.public_key) order by k.algorithm desc), '[]')
     from dkim_keys k where k.domain_id = d.id) as keys`)

export interface NewDomainRow {
  readonly id: string
  readonly tenantId: string
  readonly name: string
}

export async function insertDomain(transaction: Transaction, row: NewDomainRow, at: Date): Promise<void> {
  await sql`insert into domains (id, tenant_id, name, created_at) values (${row.id}, ${row.tenantId}, ${row.name}, ${at})`.execute(
    transaction,
  )
}

export interface DkimKeyRow {
  readonly selector: string
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256'
  readonly publicKey: string
  readonly privateKeyEncrypted: Buffer
}

export async function insertDkimKeys(
  transaction: Transaction,
  domain: NewDomainRow,
  keys: readonly DkimKeyRow[],
  at: Date,
): Promise<void> {
  for (const key of keys) {
    await sql`
      insert into dkim_keys (tenant_id, domain_id, selector, algorithm, public_key, private_key_encrypted, created_at)
      values (${domain.tenantId}, ${domain.id}, ${key.selector}, ${key.algorithm}, ${key.publicKey}, ${key.privateKeyEncrypted}, ${at})`.execute(
      transaction,
    )
  }
}

export async function selectDomain(
  transaction: Transaction,
  key: { tenantId: string; id: string },
  options: { lock?: boolean } = {},
): Promise<DomainRow | undefined> {
  const lock = options.lock === true ? sql`for update of d` : sql``
  const { rows } = await sql<DomainRow>`
    select ${COLUMNS} from domains d where d.tenant_id = ${key.tenantId} and d.id = ${key.id} ${lock}`.execute(
    transaction,
  )
  return rows[0]
}

/** Newest first. */
export async function selectDomains(
  transaction: Transaction,
  tenantId: string,
  page: { after: string | null; rows: number },
): Promise<DomainRow[]> {
  const { rows } = await sql<DomainRow>`
    select ${COLUMNS} from domains d
     where d.tenant_id = ${tenantId} and (${page.after}::uuid is null or d.id < ${page.after}::uuid)
     order by d.id desc limit ${page.rows}`.execute(transaction)
  return rows
}

export async function deleteDomainRow(
  transaction: Transaction,
  key: { tenantId: string; id: string },
): Promise<boolean> {
  const result = await sql`delete from domains where tenant_id = ${key.tenantId} and id = ${key.id}`.execute(
    transaction,
  )
  return (result.numAffectedRows ?? 0n) > 0n
}

export interface CheckResult {
  readonly status: DomainStatus
  readonly verifiedIn: SendingMode | null
  readonly verifiedAt: Date | null
  readonly checks: Readonly<Record<string, RecordCheck>>
}

export async function updateCheck(
  transaction: Transaction,
  key: { tenantId: string; id: string },
  result: CheckResult,
  at: Date,
): Promise<void> {
  await sql`
    update domains set status = ${result.status}::domain_status, verified_in = ${result.verifiedIn}::sending_mode,
           verified_at = ${result.verifiedAt}, last_checked_at = ${at}, last_check = ${JSON.stringify(result.checks)}::jsonb
     where tenant_id = ${key.tenantId} and id = ${key.id}`.execute(transaction)
}

export interface VerifiedDomain {
  readonly id: string
  readonly name: string
  readonly verified_in: SendingMode
}

/** Of these names the verified one with most labels. */
export async function selectVerified(
  db: Db,
  tenantId: string,
  names: readonly string[],
): Promise<VerifiedDomain | undefined> {
  const { rows } = await sql<VerifiedDomain>`
    select id, name, verified_in from domains
     where tenant_id = ${tenantId} and name = any(${names}::text[]) and status = 'verified'
     order by length(name) desc limit 1`.execute(db)
  return rows[0]
}

/** The tenant that verified the longest of these names in this mode; in sandbox there may be several: the first. */
export async function selectFirstOwner(
  db: Db,
  names: readonly string[],
  mode: SendingMode,
): Promise<string | undefined> {
  const { rows } = await sql<{ tenant_id: string }>`
    select tenant_id from domains
     where name = any(${names}::text[]) and status = 'verified' and verified_in = ${mode}::sending_mode
     order by length(name) desc, verified_at, id limit 1`.execute(db)
  return rows[0]?.tenant_id
}

export interface EncryptedKeyRow {
  readonly selector: string
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256'
  readonly private_key_encrypted: Buffer
}

export async function selectDkimKeys(db: Db, tenantId: string, domainId: string): Promise<EncryptedKeyRow[]> {
  const { rows } = await sql<EncryptedKeyRow>`
    select selector, algorithm, private_key_encrypted from dkim_keys
     where tenant_id = ${tenantId} and domain_id = ${domainId} order by algorithm desc`.execute(db)
  return rows
}
