import type { DnsRules } from '#windtunnel/dns-answers.ts'
import { domainOf } from '#windtunnel/judge.ts'
import type { Profile } from '#windtunnel/profile.ts'
import { queueId, seededHash } from '#windtunnel/seeded-hash.ts'
import { renderReply } from '#windtunnel/smtp-words.ts'
import type { Afterwards } from './afterwards.schema.ts'
import type { ActionKind } from './decide-afterwards.ts'
import { deliverBack } from './deliver-back.ts'
import type { Ending } from './deliver-back.ts'
import type { AcceptedContent } from './read-accepted-mail.ts'
import { VISITORS, visitLink } from './visit-link.ts'
import type { Visitor } from './visit-link.ts'
import { isOurLink, mailHostOf } from './where-it-goes.ts'
import { writeAutoReply, writeUnsubscribe } from './write-answer.ts'
import { writeBounce } from './write-bounce.ts'
import { writeComplaint } from './write-complaint.ts'

/** A message of which something may still come. */
export interface HeldMail {
  readonly provider: Profile
  readonly mailFrom: string
  readonly recipient: string
  /** From where it came. */
  readonly ip: string
  readonly content: AcceptedContent
}

export interface CarryOutDeps {
  readonly seed: number
  readonly dns: DnsRules
  /** The installation's own address: besides loopback, where links may lead. */
  readonly publicUrl: string
  /** On which port of the address that DNS names mail is taken. */
  readonly returnPort: number
  readonly now: () => Date
}

/** `nothing`: the message offers no such thing, no picture to load or no way to unsubscribe. */
export type Result = Ending | 'nothing'

/** Does one thing that comes of a message. Nothing leaves this machine: what leads elsewhere is `refused`. */
export function carryOut(
  deps: CarryOutDeps,
  mail: HeldMail,
  habits: Afterwards,
  { kind, signal }: { readonly kind: ActionKind; readonly signal: AbortSignal },
): Promise<Result> {
  return ACTIONS[kind](deps, mail, habits, signal)
}

type Action = (deps: CarryOutDeps, mail: HeldMail, habits: Afterwards, signal: AbortSignal) => Promise<Result>

/** Nobody reports to the null sender (RFC 5321, 4.5.5). */
const bounce: Action = (deps, mail, habits, signal) => {
  const template = mail.provider.words[habits.bounce_because]
  const about: Readonly<Record<string, string>> = {
    ip: mail.ip,
    recipient: mail.recipient,
    from: domainOf(mail.content.from),
    domain: domainOf(mail.mailFrom),
    id: idOf(deps, mail, 'reply'),
    host: mail.provider.host,
  }
  const lines = { ...template, lines: [template.lines.map((line) => line.trim()).join(' ')] }
  const reply = renderReply(lines, (line) =>
    line.replace(/\{(\w+)\}/g, (_, name: string) => about[name] ?? ''),
  )
  const content = writeBounce(habits.bounce_format, {
    ...particulars(deps, mail, 'bounce'),
    host: mail.provider.host,
    reply: reply.trim(),
    status: template.status || `${String(template.code).slice(0, 1)}.0.0`,
  })
  return post(deps, mail, { from: '', to: mail.mailFrom, content }, signal)
}

/** To the address that RFC 2142 wants for it, at the domain that would get the bounces. */
const complain: Action = async (deps, mail, habits, signal) => {
  if (mail.mailFrom === '') return 'nothing'
  const to = `abuse@${domainOf(mail.mailFrom)}`
  const from = `feedback@${mail.provider.host}`
  const content = writeComplaint(habits.complaint_format, {
    ...particulars(deps, mail, 'complaint'),
    ip: mail.ip,
    to,
    from,
  })
  return post(deps, mail, { from, to, content }, signal)
}

/** One of the links that are seen and lead to us, by the seed. */
const click: Action = async (deps, { content, recipient }, _habits, signal) => {
  const seen = content.links.filter(({ url, isSeen }) => isSeen && isOurLink(url, deps.publicUrl))
  const chosen = seededHash(deps.seed, `link ${recipient} ${content.messageId}`) % Math.max(1, seen.length)
  const link = seen[chosen]
  return link === undefined ? 'nothing' : visitLink(link.url, VISITORS.browser, { method: 'GET', signal })
}

const unsubscribe: Action = async (deps, mail, habits, signal) => {
  const { oneClick, unsubscribeAddress: to } = mail.content
  const isByMail = oneClick === undefined || (habits.unsubscribe_by === 'mail' && to !== undefined)
  if (!isByMail) {
    if (!isOurLink(oneClick, deps.publicUrl)) return 'refused'
    return visitLink(oneClick, VISITORS.mail_program, { method: 'POST', signal })
  }
  if (to === undefined) return 'nothing'
  const content = writeUnsubscribe({ ...particulars(deps, mail, 'unsubscribe'), to, ...mail.content })
  return post(deps, mail, { from: mail.recipient, to, content }, signal)
}

const autoReply: Action = async (deps, mail, habits, signal) => {
  const to = habits.auto_reply_to === 'from' ? mail.content.from : mail.mailFrom
  if (to === '') return 'nothing'
  const content = writeAutoReply({ ...mail.content, ...particulars(deps, mail, 'auto_reply'), to })
  return post(deps, mail, { from: '', to, content }, signal)
}

/** Mail Privacy Protection loads all pictures, read or not. */
const prefetch: Action = (deps, { content }, _habits, signal) =>
  visitAll(deps, content.pictures, VISITORS.apple_proxy, signal)

const open: Action = (deps, { content }, { open_agent: agent }, signal) =>
  visitAll(deps, content.pictures, VISITORS[agent], signal)

const scan: Action = (deps, { content }, _habits, signal) =>
  visitAll(
    deps,
    content.links.map(({ url }) => url),
    VISITORS.scanner,
    signal,
  )

const ACTIONS: Readonly<Record<ActionKind, Action>> = {
  bounce,
  complaint: complain,
  prefetch,
  scan,
  open,
  click,
  unsubscribe,
  auto_reply: autoReply,
}

function particulars(deps: CarryOutDeps, mail: HeldMail, kind: ActionKind) {
  const { recipient, mailFrom, content } = mail
  const { subject, header } = content
  return { recipient, mailFrom, subject, header, at: deps.now(), id: idOf(deps, mail, kind) }
}

function idOf({ seed }: CarryOutDeps, { recipient, content }: HeldMail, what: string): string {
  return queueId(seed, seededHash(seed, `${what} ${recipient} ${content.messageId}`))
}

async function post(
  deps: CarryOutDeps,
  { provider }: HeldMail,
  mail: { readonly from: string; readonly to: string; readonly content: string },
  signal: AbortSignal,
): Promise<Result> {
  if (mail.to === '') return 'nothing'
  const host = mailHostOf(deps.dns, domainOf(mail.to))
  if (host === undefined) return 'refused'
  const { address: localAddress, host: helo } = provider
  return deliverBack({ ...mail, host, port: deps.returnPort, localAddress, helo }, signal)
}

/** All of them, one after the other; it counts as done when every one that leads to us was answered. */
async function visitAll(
  deps: CarryOutDeps,
  urls: readonly string[],
  visitor: Visitor,
  signal: AbortSignal,
): Promise<Result> {
  if (urls.length === 0) return 'nothing'
  const ours = urls.filter((url) => isOurLink(url, deps.publicUrl))
  let worst: Ending = ours.length === 0 ? 'refused' : 'done'
  for (const url of ours) {
    const ending = await visitLink(url, visitor, { method: 'GET', signal })
    if (ending === 'again') return 'again'
    if (ending === 'refused') worst = 'refused'
  }
  return worst
}
