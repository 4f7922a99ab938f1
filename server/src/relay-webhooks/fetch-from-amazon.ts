import { Problem } from '#platform/problem.ts'

const DEADLINE_MS = 10_000
const MAX_OCTETS = 64 * 1024
/** Certificates change about once a year. */
const MAX_KEPT = 16

/** Fetches from Amazon SNS, whose address the caller has checked; certificates are kept. Problem `relay_webhooks.no_answer`. */
export function createFetchFromAmazon(): (url: URL) => Promise<string> {
  const kept = new Map<string, string>()
  return async (url) => {
    const known = kept.get(url.href)
    if (known !== undefined) return known
    const text = await fetchText(url)
    if (!url.pathname.endsWith('.pem')) return text
    if (kept.size >= MAX_KEPT) kept.clear()
    kept.set(url.href, text)
    return text
  }
}

async function fetchText(url: URL): Promise<string> {
  try {
    const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(DEADLINE_MS) })
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
    const chunks: Uint8Array[] = []
    let octets = 0
    for await (const chunk of answer.body ?? []) {
      octets += chunk.length
      if (octets > MAX_OCTETS) throw new Error(`It has more than ${MAX_OCTETS} octets.`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  } catch (cause) {
    const message = `${url.host} could not be asked: ${String(cause)}`
    throw new Problem('unavailable', 'relay_webhooks.no_answer', message, { cause })
  }
}
