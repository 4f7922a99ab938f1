import { parse } from 'bowser'

/** With what a mail was read: names for people, empty where the user agent does not say. */
export interface Client {
  readonly client: string
  readonly os: string
  /** `desktop`, `mobile`, `tablet`, `tv`, or `proxy` where the mailbox provider fetched it for the reader. */
  readonly device: string
}

/** Longer ones are cut: what names the program stands in front. */
const LONGEST_AGENT = 512
/** User agents repeat: so many different ones are remembered. */
const REMEMBERED = 10_000
const UNKNOWN: Client = { client: '', os: '', device: '' }

/** Programs that read mail, which a parser for browsers does not tell apart; the first that matches. */
const MAIL_PROGRAMS: readonly { readonly sign: RegExp; readonly client: string; readonly isProxy?: true }[] =
  [
    { sign: /GoogleImageProxy/, client: 'Gmail', isProxy: true },
    { sign: /YahooMailProxy/, client: 'Yahoo Mail', isProxy: true },
    { sign: /Outlook-(iOS|Android)/, client: 'Outlook' },
    { sign: /Microsoft Outlook|MSOffice|ms-office/i, client: 'Outlook' },
    { sign: /Thunderbird/, client: 'Thunderbird' },
    { sign: /YahooMobile|YMobile/, client: 'Yahoo Mail' },
    // A page inside an app of Apple names WebKit and no browser; of all apps, Mail loads pictures of mail.
    {
      sign: /^(?=.*(iPhone|iPad|Macintosh))(?=.*AppleWebKit)(?!.*(Safari|Chrome|CriOS|FxiOS))/,
      client: 'Apple Mail',
    },
  ]

/** Reads a user agent. Any text gives an answer. */
export function describeClient(userAgent: string): Client {
  const agent = userAgent.slice(0, LONGEST_AGENT)
  if (agent.trim() === '') return UNKNOWN
  const program = MAIL_PROGRAMS.find(({ sign }) => sign.test(agent))
  if (program?.isProxy === true) return { client: program.client, os: '', device: 'proxy' }
  const { browser, os, platform } = parse(agent)
  return {
    client: program?.client ?? browser.name ?? '',
    os: os.name ?? '',
    device: platform.type ?? '',
  }
}

/** `describeClient` with a memory, for one that reads many. */
export function createClientReader(): (userAgent: string) => Client {
  const seen = new Map<string, Client>()
  return (userAgent) => {
    const known = seen.get(userAgent)
    if (known !== undefined) return known
    const described = describeClient(userAgent)
    if (seen.size >= REMEMBERED) seen.clear()
    seen.set(userAgent, described)
    return described
  }
}
