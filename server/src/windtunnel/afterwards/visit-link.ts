import { request } from 'undici'
import type { Ending } from './deliver-back.ts'

const DEADLINE_MS = 10_000
const MAX_ANSWER_BYTES = 256 * 1024

/** Who asks for a picture or follows a link. */
export interface Visitor {
  readonly userAgent: string
  /** In X-Forwarded-For: believed only where this machine is a trusted proxy. */
  readonly ip: string
  /** Browsers say which languages their people read; machines do not. */
  readonly language?: string
}

const BROWSER =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

const OLD_BROWSER =
  'Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0.3945.117 Safari/537.36'

/** As their makers describe them; addresses of persons are those kept for documentation (RFC 5737). */
export const VISITORS = {
  browser: { userAgent: BROWSER, ip: '203.0.113.20', language: 'en-US,en;q=0.9' },
  google_proxy: {
    userAgent: 'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)',
    ip: '66.249.84.1',
  },
  yahoo_proxy: {
    userAgent: 'YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html',
    ip: '87.248.114.1',
  },
  /** Mail Privacy Protection gives no more than this. */
  apple_proxy: { userAgent: 'Mozilla/5.0', ip: '17.58.57.1' },
  /** A gateway that claims to be a browser: only what it does gives it away. */
  scanner: { userAgent: OLD_BROWSER, ip: '67.231.144.20' },
  mail_program: { userAgent: 'Windtunnel-Mail/1.0', ip: '203.0.113.20' },
} as const satisfies Readonly<Record<string, Visitor>>

/** Asks once and follows no redirect: where links lead is not ours. A POST is one click (RFC 8058). Never rejects. */
export async function visitLink(
  url: string,
  visitor: Visitor,
  { method, signal }: { readonly method: 'GET' | 'POST'; readonly signal: AbortSignal },
): Promise<Ending> {
  const headers = {
    'user-agent': visitor.userAgent,
    'x-forwarded-for': visitor.ip,
    ...(visitor.language === undefined ? {} : { 'accept-language': visitor.language }),
    ...(method === 'POST' ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
  }
  const body = method === 'POST' ? 'List-Unsubscribe=One-Click' : null
  try {
    const answer = await request(url, {
      method,
      headers,
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
    })
    await answer.body.dump({ limit: MAX_ANSWER_BYTES })
    return endingOf(answer.statusCode)
  } catch {
    return 'again'
  }
}

function endingOf(status: number): Ending {
  if (status >= 500 || status === 429) return 'again'
  return status >= 400 ? 'refused' : 'done'
}
