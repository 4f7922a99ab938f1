import { ANALYTICS_EVENTS, TOPICS, type AnalyticsPayload, type HistoryEvent } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import type { Stream, StreamRecord } from '#platform/stream/stream.ts'
import { emailWebhook } from '#webhooks/email-webhook.ts'
import { selectRecipients } from './live.store.ts'
import { formatPosition, hasPassed, parsePosition, passing, type Position } from './position.ts'
import { createRecentEvents, type LiveEvent, type RecentEvents } from './recent-events.ts'

export interface FollowDeps {
  /** The API's, which sees one tenant at a time. */
  readonly db: Database
  readonly stream: Pick<Stream, 'ends' | 'read' | 'wait'>
  readonly clock: Clock
  readonly log: Log
}

export interface Follower {
  readonly tenantId: string
  /** The id of the last event that was heard before a connection was lost. */
  readonly lastId?: string | undefined
  /** First of all. Not `resumed`: what happened since `lastId` is not all known any more, or there was no `lastId`. */
  begun(at: { readonly id: string; readonly resumed: boolean }): void
  event(event: LiveEvent): void
  /** Events were dropped from the stream before they could be told. */
  lost(id: string): void
}

/** Events of messages, to those who listen now. */
export interface LiveEvents {
  /** Tells what was missed, then what happens. The answer ends it. */
  follow(follower: Follower): Promise<() => void>
  stop(): Promise<void>
}

export const FOLLOW_LIMITS = {
  /** Of a tenant, some 500 bytes each. */
  recentEvents: 5_000,
  /** A tenant's recent events are kept so long after the last who listened has gone. */
  lingerMs: 5 * 60_000,
} as const

const PARTITIONS = TOPICS[ANALYTICS_EVENTS].partitions
/** The group whose offsets stand in for partitions that are not named, which is none. */
const GROUP = 'history'
/** Each holds up to 1,000 events with their transcripts. */
const MAX_RECORDS = 4
const REST_MS = 100
const WAIT_MS = 1_000
const PAUSE_MS = 1_000

interface Audience {
  readonly recent: RecentEvents
  readonly followers: Map<Follower, Position>
  /** Monotonic; when the last one went. */
  leftMs: number
}

/** By tenant; and up to where was told. Null: nobody listens, nothing is read. */
interface Room {
  readonly audiences: Map<string, Audience>
  position: Position | null
}

/**
 * Follows `analytics.events` by itself, from its end, without a group that would hold the stream back; and only while
 * somebody listens, or did a short while ago.
 */
export function createLiveEvents(deps: FollowDeps): LiveEvents {
  const { stream, clock } = deps
  const stopping = new AbortController()
  const room: Room = { audiences: new Map(), position: null }
  let starting: Promise<void> | null = null
  let work: Promise<void> = Promise.resolve()

  const start = async (): Promise<void> => {
    room.position = startOf(await stream.ends(ANALYTICS_EVENTS))
    work = run()
  }
  const run = async (): Promise<void> => {
    // Whoever has started it listens before the first look.
    await clock.sleep(REST_MS, stopping.signal)
    while (!stopping.signal.aborted) {
      await step(deps, room, stopping.signal)
      forgetUnused(room.audiences, clock.monotonicMs())
      if (room.audiences.size > 0) continue
      room.position = null
      return
    }
  }
  return {
    follow: async (follower) => {
      while (room.position === null) {
        starting ??= start().finally(() => (starting = null))
        await starting
      }
      const audience = audienceOf(room.audiences, follower.tenantId, room.position)
      begin(audience, follower, room.position)
      return () => {
        audience.followers.delete(follower)
        audience.leftMs = clock.monotonicMs()
      }
    },
    stop: async () => {
      stopping.abort()
      await starting
      await work
    },
  }
}

function startOf(ends: ReadonlyMap<number, bigint>): Position {
  return Array.from({ length: PARTITIONS }, (_, partition) => ({
    offset: ends.get(partition) ?? 0n,
    index: 0,
  }))
}

function audienceOf(audiences: Map<string, Audience>, tenantId: string, here: Position): Audience {
  const known = audiences.get(tenantId)
  if (known !== undefined) return known
  const recent = createRecentEvents(here, FOLLOW_LIMITS.recentEvents)
  const made: Audience = { recent, followers: new Map(), leftMs: 0 }
  audiences.set(tenantId, made)
  return made
}

function begin(audience: Audience, follower: Follower, here: Position): void {
  const last = follower.lastId === undefined ? undefined : parsePosition(follower.lastId, PARTITIONS)
  const missed = last === undefined ? undefined : audience.recent.after(last)
  // Another process may have told more than this one has read: nothing is told twice.
  const from = last !== undefined && missed !== undefined ? last : here
  follower.begun({ id: formatPosition(from), resumed: missed !== undefined })
  for (const event of missed ?? []) follower.event(event)
  audience.followers.set(follower, from)
}

function forgetUnused(audiences: Map<string, Audience>, nowMs: number): void {
  for (const [tenantId, { followers, leftMs }] of audiences) {
    if (followers.size === 0 && nowMs - leftMs >= FOLLOW_LIMITS.lingerMs) audiences.delete(tenantId)
  }
}

/** Reads and tells once. What fails is tried again from the same place. */
async function step(deps: FollowDeps, room: Room, signal: AbortSignal): Promise<void> {
  const { stream, clock, log } = deps
  try {
    const from = new Map(room.position?.map(({ offset }, partition) => [partition, offset]))
    const records = await stream.read(ANALYTICS_EVENTS, GROUP, { maxRecords: MAX_RECORDS, from })
    if (records.length === 0) return await stream.wait(ANALYTICS_EVENTS, WAIT_MS, signal)
    const recipients = await findRecipients(deps, room.audiences, records)
    for (const record of records) tell(room, record, recipients)
    await clock.sleep(REST_MS, signal)
  } catch (error) {
    log.warn({ err: error }, 'Live events could not be read and will be later.')
    await clock.sleep(PAUSE_MS, signal)
  }
}

/** The writers of this topic are ours, and its payloads are of this type. */
function eventsOf(record: StreamRecord): readonly HistoryEvent[] {
  return (record.payload as AnalyticsPayload).events
}

/** Addresses of the messages of every tenant that has an audience; of those too who come while others are looked up. */
async function findRecipients(
  deps: FollowDeps,
  audiences: ReadonlyMap<string, Audience>,
  records: readonly StreamRecord[],
): Promise<Map<string, string>> {
  const byTenant = Map.groupBy(records.flatMap(eventsOf), ({ tenantId }) => tenantId)
  const found = new Map<string, string>()
  for (;;) {
    const next = [...byTenant].find(([tenantId]) => audiences.has(tenantId))
    if (next === undefined) return found
    const [tenantId, events] = next
    const ids = [...new Set(events.map(({ messageId }) => messageId))]
    const rows = await asTenant(deps.db, tenantId, (transaction) => selectRecipients(transaction, ids))
    for (const [id, recipient] of rows) found.set(id, recipient)
    byTenant.delete(tenantId)
  }
}

/** Without a wait, so that nobody begins to listen in the middle. */
function tell(room: Room, record: StreamRecord, recipients: ReadonlyMap<string, string>): void {
  const { partition, offset } = record
  let position = room.position ?? []
  if (offset > (position[partition]?.offset ?? 0n)) {
    position = position.with(partition, { offset, index: 0 })
    tellLoss(room.audiences, position)
  }
  eventsOf(record).forEach((event, index) => {
    const audience = room.audiences.get(event.tenantId)
    if (audience === undefined) return
    const place = { offset, index }
    tellOne(audience, {
      partition,
      place,
      position: passing(position, partition, place),
      messageId: event.messageId,
      text: textOf(event, recipients.get(event.messageId) ?? null),
    })
  })
  room.position = position.with(partition, { offset: offset + 1n, index: 0 })
}

function tellOne({ recent, followers }: Audience, event: LiveEvent): void {
  recent.push(event)
  for (const [follower, from] of followers) {
    if (!hasPassed(from, event.partition, event.place)) follower.event(event)
  }
}

function tellLoss(audiences: ReadonlyMap<string, Audience>, position: Position): void {
  for (const { recent, followers } of audiences.values()) {
    recent.restart(position)
    for (const follower of followers.keys()) follower.lost(formatPosition(position))
  }
}

/** The same words as webhooks have. */
function textOf(event: HistoryEvent, email: string | null): string {
  const { event: name, at, data } = emailWebhook(event, email)
  return JSON.stringify({ event: name, timestamp: at, data })
}
