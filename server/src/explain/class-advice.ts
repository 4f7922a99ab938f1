import type { BounceClass } from '@pigeon/mail/bounce-class.ts'

/** Who can put a refusal right. */
export const WHO = ['sender', 'recipient', 'receiver', 'operator', 'nobody'] as const
export type Who = (typeof WHO)[number]

/** What a refusal means, for the person whose mail it was. */
export interface Advice {
  readonly what: string
  /** `sender`: whoever writes and sends; `operator`: who runs this installation; `receiver`: who runs the mailbox. */
  readonly who: Who
  readonly fix: string
}

/** One row a bounce class: what happened, who can put it right, what to do. */
export const ADVICE: Readonly<Record<BounceClass, Advice>> = {
  unknown_user: {
    what: 'There is no such mailbox.',
    who: 'sender',
    fix: 'Correct the address, or remove it from your lists; it is suppressed after a bounce.',
  },
  host_unknown: {
    what: 'The domain of the address does not exist, or takes no mail.',
    who: 'sender',
    fix: 'Look for a slip in the part after the @; if there is none, remove the address.',
  },
  mailbox_full: {
    what: 'The mailbox is full.',
    who: 'recipient',
    fix: 'Nothing for you to do: it is tried again for a while. Remove addresses that stay full for weeks, since nobody reads them.',
  },
  inactive: {
    what: 'The mailbox is switched off or has not been used for long.',
    who: 'sender',
    fix: 'Remove the address from your lists: writing to abandoned mailboxes costs reputation.',
  },
  moved: {
    what: 'The recipient has moved to another address.',
    who: 'sender',
    fix: 'Ask the recipient for the new address; it may stand in the reply.',
  },
  rejected: {
    what: 'The receiver does not take this mail and does not say why.',
    who: 'sender',
    fix: 'Send a plain message to the same address: if that arrives, the content is the reason; otherwise ask the postmaster of the domain.',
  },
  policy: {
    what: 'A rule of the receiver forbids this mail.',
    who: 'sender',
    fix: 'Read the reply: the rule often stands there. Meet it, or ask the postmaster of the domain for an exception.',
  },
  spam: {
    what: 'The receiver takes the message for spam.',
    who: 'sender',
    fix: 'Check subject, links and HTML of the template, and write only to people who asked for it; then send again to a few.',
  },
  blocked: {
    what: 'The sending address is on a block list.',
    who: 'operator',
    fix: 'Find out why it was listed, stop that, and ask for removal. Meanwhile send from another source.',
  },
  reputation: {
    what: 'The receiver trusts the sending address or domain too little.',
    who: 'operator',
    fix: 'Send less, and to people who read your mail, until it recovers; let a new address warm up.',
  },
  auth_failure: {
    what: 'The receiver could not verify that the mail is from its domain (SPF, DKIM or DMARC).',
    who: 'sender',
    fix: 'Verify the sending domain again with pigeon domains verify, publish the records it names, and see that SPF names the sending address.',
  },
  ptr_missing: {
    what: 'The sending address has no reverse name, or one that does not lead back to it.',
    who: 'operator',
    fix: 'Have the provider of the address set its PTR record to the EHLO name; pigeon sources check says what is missing.',
  },
  rate_limited: {
    what: 'The receiver wants less mail at a time.',
    who: 'nobody',
    fix: 'Nothing to do: the lane has slowed down and the message is tried again. If it goes on for days, lower the limits of this provider or add sources.',
  },
  greylisted: {
    what: 'The receiver asks strangers to come back later (greylisting).',
    who: 'nobody',
    fix: 'Nothing to do: it is tried again from the same source, and taken then.',
  },
  message_too_big: {
    what: 'The message is larger than the receiver takes.',
    who: 'sender',
    fix: 'Make it smaller: link to large pictures and files instead of sending them.',
  },
  content: {
    what: 'The receiver does not take the form of the message.',
    who: 'sender',
    fix: 'Look at the reply for the header or part it names, correct the template, and send a test.',
  },
  virus: {
    what: 'The receiver found something harmful in the message.',
    who: 'sender',
    fix: 'Stop the campaign, check its attachments and every site it links to, and scan the machine they came from.',
  },
  security: {
    what: 'The receiver refused for a reason of security, such as a log-in that it did not accept.',
    who: 'operator',
    fix: 'For a relay, check its user name and password; otherwise the reply names what it misses.',
  },
  relaying_denied: {
    what: 'The server does not take mail for this domain.',
    who: 'receiver',
    fix: 'The MX records of the domain lead to a server that does not know it: its owner must correct one of them. Through a relay, the operator must allow this sender there.',
  },
  tls: {
    what: 'The connection could not be protected as it must be.',
    who: 'receiver',
    fix: 'The operator of the receiving server must correct its certificate or the published policy (MTA-STS, DANE). Until then the mail waits.',
  },
  protocol: {
    what: 'The conversation with the server went wrong.',
    who: 'operator',
    fix: 'It is tried again. If it happens always, look at the transcript: something on the way may change the conversation.',
  },
  network: {
    what: 'The server could not be reached, or the connection was lost.',
    who: 'receiver',
    fix: 'It is tried again. If no mail leaves to anybody, the operator of this installation must see that port 25 is open outwards.',
  },
  expired: {
    what: 'It could not be delivered within its time.',
    who: 'sender',
    fix: 'The attempts before say why. Send again when that is put right.',
  },
  system: {
    what: 'The receiver has a trouble of its own.',
    who: 'receiver',
    fix: 'Nothing to do: it is tried again. If it lasts for days, ask the postmaster of the domain.',
  },
  syntax: {
    what: 'The receiver does not take the form of an address.',
    who: 'sender',
    fix: 'Correct the address: look for spaces, commas, and letters that do not belong.',
  },
  vacation: {
    what: 'The recipient is away; the message has arrived.',
    who: 'nobody',
    fix: 'Nothing to do.',
  },
  feedback: {
    what: 'The recipient complained about the message.',
    who: 'sender',
    fix: 'Do not write to this address again (it is suppressed), and ask yourself why this person was on the list.',
  },
  other: {
    what: 'The receiver refused in words that no rule knows.',
    who: 'sender',
    fix: 'Read the reply; ask the postmaster of the domain if it does not say enough.',
  },
}

/** Where block lists and providers take requests for removal, by words of their replies (lower case). */
const REMOVAL_PAGES: readonly (readonly [words: RegExp, page: string])[] = [
  [/spamhaus|\bzen\b|\bsbl\b|\bxbl\b|\bpbl\b/, 'https://check.spamhaus.org/'],
  [/spamcop/, 'https://www.spamcop.net/bl.shtml'],
  [/barracuda/, 'https://www.barracudacentral.org/rbl/removal-request'],
  [/uceprotect/, 'https://www.uceprotect.net/en/rblcheck.php'],
  [/invaluement/, 'https://www.invaluement.com/lookup/'],
  [/abusix/, 'https://lookup.abusix.com/'],
  [/cloudmark/, 'https://csi.cloudmark.com/en/reset/'],
  [/proofpoint|pphosted/, 'https://ipcheck.proofpoint.com/'],
]

/** The same for providers that keep lists of their own. */
const PAGES_OF_PROVIDERS: Readonly<Record<string, string>> = {
  microsoft: 'https://olcsupport.office.com/',
  microsoft365: 'https://sender.office.com/',
  google: 'https://support.google.com/mail/contact/gmail_bulk_sender_escalation',
  yahoo: 'https://senders.yahooinc.com/contact/',
  apple: 'https://support.apple.com/en-us/102322',
  comcast: 'https://spa.xfinity.com/report',
  gmx: 'https://postmaster.gmx.net/',
}

const ABOUT_THE_SOURCE: ReadonlySet<BounceClass> = new Set(['blocked', 'reputation'])

/**
 * The advice for a refusal. Where a source is not wanted, with the page at which its removal is asked for: that of the
 * list which the reply names, else the provider's own.
 */
export function adviceFor(
  found: BounceClass,
  said: { readonly reply: string; readonly provider: string },
): Advice & { readonly page: string | null } {
  const advice = ADVICE[found]
  if (!ABOUT_THE_SOURCE.has(found)) return { ...advice, page: null }
  const words = said.reply.toLowerCase()
  const page =
    REMOVAL_PAGES.find(([list]) => list.test(words))?.[1] ?? PAGES_OF_PROVIDERS[said.provider] ?? null
  return { ...advice, page }
}

/** In one paragraph: what happened, and what to do. */
export function adviceText({ what, fix, page }: Advice & { readonly page: string | null }): string {
  return page === null ? `${what} ${fix}` : `${what} ${fix} The page for that: ${page}`
}
