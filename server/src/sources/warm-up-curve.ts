/**
 * Messages to one provider on each day of a warm-up, for an address that nobody knows yet. A new address that sends
 * much at once is taken for a stolen one, so every sender's guide begins small and grows to some 40 % to 100 % a day;
 * this one is on the careful side of them (SendGrid's automated warm-up begins at 20 an hour and grows by 40 % a day:
 * twilio.com/docs/sendgrid/concepts/reputation/warm-up-ip-addresses). After its last day there is no limit.
 */
export const DEFAULT_WARM_UP_CURVE: readonly number[] = [
  50, 100, 250, 500, 1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 40_000, 55_000, 70_000,
  100_000,
]

export const CURVE_LIMITS = { days: 120, messagesADay: 100_000_000 } as const

/** A warm-up that is under way. */
export interface WarmUp {
  readonly startedAt: Date
  /** Messages a day to one provider, the first day first. */
  readonly curve: readonly number[]
}
