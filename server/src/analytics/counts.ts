/** What is counted of messages; the columns `<name>_count` of the rollups. */
export const COUNTS = [
  'sent',
  'delivered',
  'deferred',
  'bounced',
  'late_bounced',
  'failed',
  'suppressed',
  'cancelled',
  'opened',
  'machine_opened',
  'clicked',
  'machine_clicked',
  'complained',
  'unsubscribed',
] as const
export type Counts = Readonly<Record<(typeof COUNTS)[number], number>>

/** Of these, what concerns getting a message into a mailbox. */
export const DELIVERY_COUNTS = [
  'sent',
  'delivered',
  'deferred',
  'bounced',
  'late_bounced',
  'failed',
  'complained',
] as const
export type DeliveryCounts = Readonly<Record<(typeof DELIVERY_COUNTS)[number], number>>

/** Messages that at least one person has opened, or clicked in. */
export interface Unique {
  readonly opened_messages: number
  readonly clicked_messages: number
}

export const AUDIENCE_COUNTS = ['opened', 'machine_opened', 'clicked', 'machine_clicked'] as const
export type AudienceCounts = Readonly<Record<(typeof AUDIENCE_COUNTS)[number], number>>

/** From 0 to 1; null where there is nothing to divide by. */
export interface DeliveryRates {
  /** Of all that ended: handed over, and not bounced later. */
  readonly delivery: number | null
  readonly bounce: number | null
  /** Of what was handed over. */
  readonly complaint: number | null
}

export interface Rates extends DeliveryRates {
  readonly open: number | null
  readonly click: number | null
  readonly click_to_open: number | null
  readonly unsubscribe: number | null
}

/** A bounce that came by mail is of a message that was handed over before: it ended once. */
export function deliveryRates(counts: DeliveryCounts): DeliveryRates {
  const handed = handedOver(counts)
  const ended = handed + counts.bounced - counts.late_bounced + counts.failed
  return {
    delivery: rate(handed - counts.late_bounced, ended),
    bounce: rate(counts.bounced, ended),
    complaint: rate(counts.complained, handed),
  }
}

/** Openings and clicks of machines are left out; a message that was opened ten times counts once. */
export function rates(counts: Counts & Unique): Rates {
  const handed = handedOver(counts)
  return {
    ...deliveryRates(counts),
    open: rate(counts.opened_messages, handed),
    click: rate(counts.clicked_messages, handed),
    click_to_open: rate(counts.clicked_messages, counts.opened_messages),
    unsubscribe: rate(counts.unsubscribed, handed),
  }
}

function handedOver({ delivered, sent }: DeliveryCounts): number {
  return delivered + sent
}

/** Within a part of time there may be more of what came back than of what went out. */
function rate(part: number, whole: number): number | null {
  if (whole === 0) return null
  return Math.round(Math.min(1, Math.max(0, part / whole)) * 1e6) / 1e6
}
