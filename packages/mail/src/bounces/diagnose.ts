import type { BounceClass, SmtpPhase } from '@pigeon/mail/bounce-class.ts'
import { ruleFor } from '@pigeon/mail/classify-reply.ts'
import type { ReplyRule } from '@pigeon/mail/reply-rules/reply-rule.ts'
import { CODES } from '@pigeon/mail/reply-rules/codes.ts'
import { WORDING } from '@pigeon/mail/reply-rules/wording.ts'
import { PROGRAM_WORDS } from './program-words.ts'
import { MAX_DIAGNOSTIC_CHARS } from './returned-mail.ts'

/** What a report or a text says of one recipient. */
export interface Evidence {
  /** The server's or the program's own words. */
  readonly said: string
  /** What was told to people beside them; read when `said` says nothing. */
  readonly told?: string | undefined
  /** The field Status of a report. */
  readonly status?: string | undefined
}

export interface Diagnosis {
  readonly status: string | undefined
  readonly replyCode: number | undefined
  readonly class: BounceClass
  readonly hard: boolean
  readonly diagnostic: string
}

/** A reply's code, not a port, a size or part of an address. */
const REPLY_CODE = /(?:^|[\s:;<"'([,>])([45][0-57]\d)(?=[\s\-:.#;,]|$)/
const ENHANCED = /(?:^|[^\d.])([245]\.\d{1,2}\.\d{1,3})(?![\d]|\.\d)/
const ENHANCED_ALL = new RegExp(ENHANCED, 'g')
const TYPE = /^\s{0,9}(?:smtp|x-[\w-]{1,30}|dns|lmtp|local|unix|x400)\s{0,9};\s{0,9}/i

/** Cisco's and Amazon's servers put a category of their own before what the server said. */
const CATEGORY = /^[45]\.\d\.\d - [a-z ]{1,60}(?=[( ]{0,3}'?[45]\d\d\b)/i

/** No message to these will ever arrive: the address, or its domain, is not there (any more). */
const OF_THE_ADDRESS: ReadonlySet<BounceClass> = new Set(['unknown_user', 'host_unknown', 'moved'])

/** What programs write to say at which step a server refused. */
const PHASES: readonly (readonly [RegExp, SmtpPhase])[] = [
  [/rcpt[ _]to|rcpt:|:rcpt|after rcpt|rcpt command|recipient command/, 'rcpt'],
  [
    /end of (?:data|message)|after data|data command|sending message body|\[data\]|smtp:data|command data|\(data\)|text of message|final dot/,
    'body',
  ],
  [/mail[ _]from|after mail|mail command/, 'mail'],
  [/initial connection|greeting|\[connect\]/, 'connect'],
  [/\behlo\b|\bhelo\b/, 'ehlo'],
]

/** Says why, and whether for good, from what a bounce says of one recipient. */
export function diagnose(evidence: Evidence): Diagnosis {
  const words = tidy(evidence.said.replace(TYPE, '').replace(CATEGORY, ''))
  const people = tidy(evidence.told ?? '')
  // Without words of a server, what people are told is all that is said.
  const [said, told] = words === '' ? [people, ''] : [words, people]
  const code = REPLY_CODE.exec(said)?.[1]
  const status = tellingStatus(said, evidence.status, told)
  const phase = phaseOf(`${said} ${told}`.toLowerCase())
  const reading = { code: replyCodeFor(code, status), enhanced: status, phase: phase ?? 'body' }
  const finding = findingOf(reading, said, told)
  return {
    status,
    replyCode: code === undefined ? undefined : Number(code),
    class: finding.class,
    hard: isHard(finding, { status, code, phase, said }),
    diagnostic: said,
  }
}

interface Reading {
  readonly code: number
  readonly enhanced: string | undefined
  readonly phase: SmtpPhase
}

/** How much a finding tells: words over numbers, numbers over `x.y.0` and "refused". */
const WEIGHT = { nothing: 0, vague: 1, numbers: 2, words: 3 } as const

interface Finding {
  readonly class: BounceClass
  readonly weight: number
  /** By the words of a program or a provider that we know. */
  readonly isKnown: boolean
}

const ANYBODYS = new Set([...WORDING.rules, ...CODES.rules])
/** "Other or undefined" of a subject that says little (RFC 3463 3). */
const VAGUE_STATUS = /^\d\.[0135]\.0$/
const NUMBERS = new Set(CODES.rules)
const REFUSED = WORDING.rules.find(({ id }) => id === 'rejected')
const NOTHING: Finding = { class: 'other', weight: WEIGHT.nothing, isKnown: false }

/** A server's reply before what stands around it, its words before its numbers, all of it before what people are told. */
function findingOf(reading: Reading, said: string, told: string): Finding {
  const at = said.search(REPLY_CODE)
  const own = weightiest(
    at < 0
      ? [programFinding(said), replyFinding(reading, said)]
      : [replyFinding(reading, said.slice(at)), programFinding(said.slice(at)), replyFinding(reading, '')],
  )
  if (own.weight >= WEIGHT.numbers) return own
  const step = at < 0 ? NOTHING : ofTheStep(reading.phase)
  // "It was refused" stands in every explanation: it tells only where no server spoke.
  const beside = [programFinding(told), replyFinding(reading, told)].filter(
    ({ weight }) => at < 0 || weight > WEIGHT.vague,
  )
  return weightiest([step, replyFinding(reading, said), own, ...beside, ofTheQueue(reading, said)])
}

function weightiest(findings: readonly Finding[]): Finding {
  return findings.reduce((best, each) => (each.weight > best.weight ? each : best), NOTHING)
}

/** Before MAIL a server knows nothing but our address, and before RCPT nothing but the sender's. */
function ofTheStep(phase: SmtpPhase): Finding {
  if (phase === 'connect' || phase === 'ehlo') return { ...NOTHING, class: 'blocked', weight: WEIGHT.vague }
  return phase === 'mail' ? { ...NOTHING, class: 'policy', weight: WEIGHT.vague } : NOTHING
}

/** A transient status, and no word of anybody: the queue gave up. */
function ofTheQueue(reading: Reading, said: string): Finding {
  return reading.code < 500 && said === '' ? { ...NOTHING, class: 'expired', weight: WEIGHT.vague } : NOTHING
}

function replyFinding(reading: Reading, words: string): Finding {
  const rule = ruleFor({ ...reading, text: withoutCodes(words) })
  if (rule === undefined) return NOTHING
  return { class: rule.class, weight: weightOf(rule, reading.enhanced), isKnown: !ANYBODYS.has(rule) }
}

function weightOf(rule: ReplyRule, status: string | undefined): number {
  if (rule === REFUSED) return WEIGHT.vague
  if (!NUMBERS.has(rule)) return WEIGHT.words
  return status === undefined || VAGUE_STATUS.test(status) ? WEIGHT.vague : WEIGHT.numbers
}

function programFinding(words: string): Finding {
  const text = words.toLowerCase()
  const rule = PROGRAM_WORDS.find((each) => each.text.test(text))
  if (rule === undefined) return NOTHING
  return { class: rule.class, weight: WEIGHT.words, isKnown: rule.isOfMailStore ?? false }
}

/**
 * `x.0.0` says nothing: a number in the words says more, and one in Status more than that. A 4.4.7 is what a queue says in the end,
 * whatever the last reply was.
 */
function tellingStatus(said: string, status: string | undefined, told: string): string | undefined {
  const inWords = [...said.matchAll(ENHANCED_ALL)].map((match) => match[1])
  const candidates = [...inWords, status, ENHANCED.exec(told)?.[1]]
  return candidates.find((each) => each !== undefined && !/^\d\.0\.0$/.test(each)) ?? status ?? inWords[0]
}

/** For the rules, which want a reply: what failed for good is refused with 5xx unless its numbers say otherwise. */
function replyCodeFor(code: string | undefined, status: string | undefined): number {
  if (code !== undefined) return Number(code)
  return status?.startsWith('4') === true ? 450 : 550
}

function phaseOf(text: string): SmtpPhase | undefined {
  return PHASES.find(([words]) => words.test(text))?.[1]
}

interface Said {
  readonly status: string | undefined
  readonly code: string | undefined
  readonly phase: SmtpPhase | undefined
  readonly said: string
}

/** A server that refuses a recipient repeats the address before its words. */
const REPEATS_ADDRESS = /[45]\d\d[\s:\d.-]{1,20}<[^<>\s]{1,320}@[^<>\s]{1,255}>(?::|\.\.\.)/

/**
 * Hard is what ends the life of an address, and what the server that knows it says of it. A domain that could not be looked up for the
 * moment (4.x.x) may be there tomorrow. "Unknown" with a status of content or policy, or after the content was seen, or in
 * anybody's words that do not show that a recipient was refused, is what filters say of people who are there.
 */
function isHard({ class: found, isKnown }: Finding, { status = '', code, phase, said }: Said): boolean {
  if (!OF_THE_ADDRESS.has(found)) return false
  if (found === 'host_unknown') return !(code ?? (status || '5')).startsWith('4')
  if (found === 'moved' || /^[45]\.1\./.test(status)) return true
  if (/^[45]\.(?:2\.0$|[67]\.)/.test(status) || phase === 'body') return false
  return isKnown || phase === 'rcpt' || REPEATS_ADDRESS.test(said)
}

/** One line, of bounded length. */
function tidy(text: string): string {
  return text
    .slice(0, 4 * MAX_DIAGNOSTIC_CHARS)
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_DIAGNOSTIC_CHARS)
}

/** The codes at the head of each line of a reply stand inside its words when the lines are joined. */
function withoutCodes(text: string): string {
  const code = REPLY_CODE.exec(text)?.[1]
  if (code === undefined) return text
  return text.replaceAll(new RegExp(`\\b${code}[ -]+(?:[45]\\.\\d{1,2}\\.\\d{1,3})?`, 'g'), '').trim()
}
