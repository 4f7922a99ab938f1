import type { Habits } from './habits.schema.ts'
import { createProviderState, isBlocked, judge, judgeContent } from './judge.ts'
import type { ContentEvent, ProviderEvent, ProviderState, Verdict } from './judge.ts'
import type { Profile } from './profile.ts'
import { delayMs } from './recipient-fate.ts'
import { allowance, scoreAt } from './reputation.ts'
import type { VirtualTime } from './virtual-time.ts'

/** How one provider decides. Everything but the time follows from the seed and what it was offered before. */
export interface Behaviour {
  readonly profile: Profile
  readonly seed: number
  /** May be replaced as a whole at run time. */
  habits: Habits
  judge(event: ProviderEvent): Verdict
  judgeContent(event: ContentEvent): Verdict | 'cut'
  /** How late the answers of this step are when the transaction has these recipients, in real milliseconds. */
  delayMs(recipients: readonly string[]): number
  /** Refuses everything from an address for so long. */
  block(ip: string, forMs: number): void
  unblock(ip: string): void
  /** What it thinks of every address it remembers. */
  standings(): Standing[]
  /** Forgets attempts, triplets, cuts, visitors and blocks. */
  forget(): void
}

/** One address in the eyes of one provider. */
export interface Standing {
  readonly ip: string
  readonly reputation: number
  readonly messagesToday: number
  readonly allowanceToday: number
  readonly isBlocked: boolean
  /** Virtual ms from now until a block by hand or a penalty ends; 0 when there is none. */
  readonly blockedForMs: number
  readonly deferredForMs: number
}

export function createBehaviour(
  deps: { readonly time: Pick<VirtualTime, 'nowMs'> },
  profile: Profile,
  seed: number,
  habits: Habits = profile.gentleHabits,
): Behaviour {
  let state = createProviderState(seed)
  const behaviour: Behaviour = {
    profile,
    seed,
    habits,
    judge: (event) => judge(state, behaviour.habits, event, deps.time.nowMs()),
    judgeContent: (event) => judgeContent(state, behaviour.habits, event, deps.time.nowMs()),
    delayMs: (recipients) => delayMs(seed, behaviour.habits, recipients),
    block: (ip, forMs) => state.blocks.set(ip, deps.time.nowMs() + forMs),
    unblock: (ip) => state.blocks.delete(ip),
    standings: () => standingsOf(state, behaviour.habits, deps.time.nowMs()),
    forget: () => {
      state = createProviderState(seed)
    },
  }
  return behaviour
}

function standingsOf(state: ProviderState, habits: Habits, nowMs: number): Standing[] {
  const visitors = new Map(state.visitors.entries())
  const ips = new Set([...visitors.keys(), ...new Map(state.blocks.entries()).keys()])
  return [...ips].map((ip) => {
    const visitor = visitors.get(ip)
    const left = (untilMs = 0) => Math.max(0, Math.round(untilMs - nowMs))
    return {
      ip,
      reputation: visitor === undefined ? 100 : scoreAt(visitor.reputation, habits, nowMs),
      messagesToday: visitor?.reputation.messagesToday ?? 0,
      allowanceToday: visitor === undefined ? 0 : Math.floor(allowance(visitor.reputation, habits)),
      isBlocked: isBlocked(state, habits, ip, nowMs),
      blockedForMs: left(state.blocks.get(ip)),
      deferredForMs: left(visitor?.deferredUntilMs),
    }
  })
}
