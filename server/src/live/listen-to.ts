import { campaignMetrics } from '#campaigns/campaign-metrics.ts'
import { listLanes, type LaneView } from '#lanes/list-lanes.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Problem } from '#platform/problem.ts'
import type { LiveEvents } from './follow-events.ts'
import type { LiveTopic } from './live-topic.ts'
import { formatPosition } from './position.ts'
import type { LiveEvent } from './recent-events.ts'
import type { Watches } from './watches.ts'

/** Who listens. */
export interface Ear {
  /** JSON of what there is to say. */
  tell(text: string): void
  /** Nothing more comes. */
  ended(problem: Problem): void
}

/** Tells what a topic has to say to somebody who may hear it, until the answer is called. */
export type ListenTo = (
  tenantId: string,
  topic: LiveTopic,
  name: string,
  ear: Ear,
  lastId?: string,
) => Promise<() => void>

export interface ListenDeps {
  readonly db: Database
  readonly clock: Clock
  readonly events: LiveEvents
  readonly watches: Watches
}

/** An installation with more than these shows the first. */
const MAX_LANES = 1_000
const LANES_A_PAGE = 100
const EVERY_LANE = { state: null, mode: null, provider: null, source: null } as const

export function createListenTo(deps: ListenDeps): ListenTo {
  const { events, watches } = deps
  return async (tenantId, topic, name, ear, lastId) => {
    if (topic.kind === 'messages')
      return listenToMessages(events, { tenantId, lastId, name, messageId: topic.messageId }, ear)
    if (topic.kind === 'lanes') return watch(watches, name, () => readLanes(deps), name, ear)
    return watch(watches, `${tenantId} ${name}`, () => campaignMetrics(deps, tenantId, topic.id), name, ear)
  }
}

function listenToMessages(
  events: LiveEvents,
  of: { tenantId: string; messageId: string | null; name: string; lastId: string | undefined },
  ear: Ear,
): Promise<() => void> {
  const { name: topic, messageId } = of
  return events.follow({
    tenantId: of.tenantId,
    lastId: of.lastId,
    begun: ({ id, resumed }) => ear.tell(JSON.stringify({ type: 'subscribed', topic, id, resumed })),
    event: (event) => {
      if (messageId === null || messageId === event.messageId) ear.tell(frameOf(topic, event))
    },
    lost: (id) => ear.tell(JSON.stringify({ type: 'reset', topic, id })),
  })
}

/** The text is the same for all who hear it and was made once. */
function frameOf(topic: string, { position, text }: LiveEvent): string {
  const head = JSON.stringify({ type: 'event', topic, id: formatPosition(position) })
  return `${head.slice(0, -1)},${text.slice(1)}`
}

function watch(
  watches: Watches,
  key: string,
  read: () => Promise<unknown>,
  topic: string,
  ear: Ear,
): () => void {
  ear.tell(JSON.stringify({ type: 'subscribed', topic }))
  return watches.watch(key, read, {
    changed: (text) => ear.tell(`{"type":"state","topic":${JSON.stringify(topic)},"data":${text}}`),
    failed: (problem) => ear.ended(problem),
  })
}

async function readLanes(deps: ListenDeps): Promise<{ lanes: LaneView[]; has_more: boolean }> {
  const lanes: LaneView[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof listLanes>> = await listLanes(deps, EVERY_LANE, {
      limit: LANES_A_PAGE,
      ...(cursor === null ? {} : { cursor }),
    })
    lanes.push(...page.data)
    cursor = page.next_cursor
  } while (cursor !== null && lanes.length < MAX_LANES)
  return { lanes, has_more: cursor !== null }
}
