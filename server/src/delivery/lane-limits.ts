import type { Lane } from './lanes/lane.ts'

/** What a lane keeps to, in the words of the shaping file. Null: no limit. */
export interface LimitsInForce {
  readonly messages_per_second: number | null
  readonly messages_per_minute: number | null
  readonly messages_per_hour: number | null
  readonly messages_per_day: number | null
  readonly connections_per_minute: number | null
  readonly messages_per_connection: number | null
  /** Messages a minute that it allows itself after refusals; null: it has not been slowed. */
  readonly pace_per_minute: number | null
}

/** The limits of a lane now, its own and what it has learned. What people have ordered, and what lanes share, is not among them. */
export function limitsInForce(lane: Pick<Lane, 'limits' | 'health'>, nowMs: number): LimitsInForce {
  const { rates, connectionRates, maxMessagesPerConnection } = lane.limits()
  const per = (seconds: number, of = rates): number | null =>
    of.find(({ perMs }) => perMs === seconds * 1_000)?.count ?? null
  const pace = lane.health.pace(nowMs)
  return {
    messages_per_second: per(1),
    messages_per_minute: per(60),
    messages_per_hour: per(3_600),
    messages_per_day: per(86_400),
    connections_per_minute: per(60, connectionRates),
    messages_per_connection: maxMessagesPerConnection === Infinity ? null : maxMessagesPerConnection,
    pace_per_minute: pace === undefined ? null : Number((pace * 60).toPrecision(3)),
  }
}
