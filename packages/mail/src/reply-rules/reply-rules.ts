import { AMERICAS } from './americas.ts'
import { ASIA } from './asia.ts'
import { CODES } from './codes.ts'
import { EUROPE } from './europe.ts'
import { FILTERS_AND_MAILBOXES } from './filters-and-mailboxes.ts'
import { GATEWAYS } from './gateways.ts'
import { GOOGLE } from './google.ts'
import { MICROSOFT } from './microsoft.ts'
import type { ReplyRule, ReplyRuleSet } from './reply-rule.ts'
import { SERVERS } from './servers.ts'
import { WORDING } from './wording.ts'
import { YAHOO } from './yahoo.ts'

/** All rules in their order: the first that fits decides. Providers, then servers, then any words, then numbers. */
export const REPLY_RULE_SETS: readonly ReplyRuleSet[] = [
  GOOGLE,
  MICROSOFT,
  YAHOO,
  ...AMERICAS,
  ...EUROPE,
  ...ASIA,
  ...GATEWAYS,
  ...SERVERS,
  ...FILTERS_AND_MAILBOXES,
  WORDING,
  CODES,
]

const forAnybody = REPLY_RULE_SETS.filter((set) => set.provider === undefined)
/** Whose words these are is not known (a bounce that came by mail): any provider's may be. */
const forNobodyKnown = REPLY_RULE_SETS.flatMap((set) => set.rules)
const byProvider = new Map<string, readonly ReplyRule[]>(
  Map.groupBy(
    REPLY_RULE_SETS.filter((set) => set.provider !== undefined),
    (set) => set.provider ?? '',
  )
    .entries()
    .map(([provider, sets]) => [provider, [...sets, ...forAnybody].flatMap((set) => set.rules)]),
)
const others = forAnybody.flatMap((set) => set.rules)

/** One operator's words under two names: mailboxes of people and of companies have limits of their own. */
const WORDS_OF: ReadonlyMap<string, string> = new Map([['microsoft365', 'microsoft']])

/** The rules to try for a reply of this provider, the first first. */
export function rulesFor(provider: string | undefined): readonly ReplyRule[] {
  return provider === undefined
    ? forNobodyKnown
    : (byProvider.get(WORDS_OF.get(provider) ?? provider) ?? others)
}
