import type { MessageSummary, ParsedMessage, Stats } from '#windtunnel/control.schema.ts'
import type { WindtunnelClient } from '#windtunnel/client.ts'
import { decodeCursor, encodeCursor, type PageOf } from '#http/paging.ts'
import { isUuid } from '#platform/ids.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { findOwned } from './messages.store.ts'

export interface SandboxDeps {
  readonly db: Database
  readonly windtunnel: WindtunnelClient
}

export type SandboxSummary = Omit<MessageSummary, 'message_id' | 'tenant' | 'campaign'> & {
  message_id: string | null
}

export interface SandboxQueryInput {
  readonly limit?: number
  readonly cursor?: string
  readonly recipient?: string
  readonly campaign_id?: string
}

const DEFAULT_LIMIT = 20

/**
 * What the windtunnel received from this tenant, newest first. The windtunnel believes a header about whose a message is;
 * whether the tenant really has it is asked of PostgreSQL, behind its wall.
 */
export async function listSandbox(
  deps: SandboxDeps,
  tenantId: string,
  query: SandboxQueryInput,
): Promise<PageOf<SandboxSummary>> {
  const before = query.cursor === undefined ? undefined : Number(decodeCursor(query.cursor, 1)[0])
  const page = await deps.windtunnel.messages({
    tenant: tenantId,
    recipient: query.recipient,
    campaign: query.campaign_id,
    limit: query.limit ?? DEFAULT_LIMIT,
    ...(before === undefined ? {} : { before }),
  })
  const owned = await ownedIds(deps, tenantId, page.data)
  const data = page.data.flatMap((each) => {
    const id = pigeonId(each.message_id)
    return id !== null && owned.has(id) ? [summaryOf(each)] : []
  })
  const next = page.next_before
  return { data, has_more: next !== null, next_cursor: next === null ? null : encodeCursor([String(next)]) }
}

export async function getSandboxMessage(
  deps: SandboxDeps,
  tenantId: string,
  sequence: number,
): Promise<SandboxSummary & ParsedMessage> {
  const message = await deps.windtunnel.message(sequence)
  if (message === undefined) throw notInSandbox()
  const owned = await ownedIds(deps, tenantId, [message])
  if (owned.size === 0) throw notInSandbox()
  return { ...message, ...summaryOf(message) }
}

export async function getSandboxRaw(deps: SandboxDeps, tenantId: string, sequence: number): Promise<Buffer> {
  await getSandboxMessage(deps, tenantId, sequence)
  const raw = await deps.windtunnel.raw(sequence)
  if (raw === undefined) throw notInSandbox()
  return raw
}

/** How many of a campaign's messages the windtunnel received, and how many of them twice. */
export async function sandboxStats(deps: SandboxDeps, campaignId: string): Promise<Stats> {
  return deps.windtunnel.stats(campaignId)
}

async function ownedIds(
  deps: SandboxDeps,
  tenantId: string,
  messages: readonly { message_id: string | null }[],
): Promise<Set<string>> {
  const ids = messages.flatMap((each) => pigeonId(each.message_id) ?? [])
  return asTenant(deps.db, tenantId, (transaction) => findOwned(transaction, ids))
}

/** The id that stands before the @ of our Message-ID. */
function pigeonId(messageId: string | null): string | null {
  const local = /^<?([0-9a-f-]{36})@/i.exec(messageId ?? '')?.[1] ?? ''
  return isUuid(local) ? local : null
}

function summaryOf(message: MessageSummary): SandboxSummary {
  const { tenant: _tenant, campaign: _campaign, ...rest } = message
  return { ...rest, message_id: pigeonId(message.message_id) }
}

function notInSandbox(): Problem {
  return new Problem(
    'not_found',
    'sandbox.not_found',
    'The sandbox inbox has no such message of yours, or its bytes were dropped for newer ones.',
  )
}
