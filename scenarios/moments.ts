import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { TEST_SEED } from '@pigeon/server/test/platform.ts'
import { untilFinal, type Account } from './account.ts'

const FIRST_SHARE = 0.05
const LAST_SHARE = 0.85
/** Up to so long after the share was reached: the states of a batch are shorter than the steps in which counts move. */
const MAX_DELAY_MS = 60

export interface Moment {
  /** Of the campaign's messages that are final. */
  readonly share: number
  readonly delayMs: number
}

/** `count` moments of a campaign, one in each part of it, that the seed decides. */
export function seededMoments(name: string, count: number): Moment[] {
  const part = (LAST_SHARE - FIRST_SHARE) / count
  return Array.from({ length: count }, (_, nth) => ({
    share: FIRST_SHARE + part * (nth + random(`${name} share ${nth}`)),
    delayMs: MAX_DELAY_MS * random(`${name} delay ${nth}`),
  }))
}

function random(what: string): number {
  return createHash('sha256').update(`${TEST_SEED} ${what}`).digest().readUInt32BE() / 2 ** 32
}

/** Does something at each of these moments of a campaign, and says in the test's output when that was. */
export async function killAtMoments(
  out: { diagnostic(text: string): void },
  campaign: { account: Account; id: string; contacts: number },
  moments: readonly Moment[],
  kill: (nth: number) => Promise<void>,
): Promise<void> {
  for (const [nth, { share, delayMs }] of moments.entries()) {
    const { accepted, in_flight } = await untilFinal(
      campaign.account,
      campaign.id,
      Math.floor(share * campaign.contacts),
    )
    await delay(delayMs)
    await kill(nth)
    out.diagnostic(`killed with about ${accepted - in_flight} of ${campaign.contacts} final`)
  }
}
