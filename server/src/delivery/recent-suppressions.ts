import { parseAddress } from '@pigeon/mail/address.ts'
import type { SendingMode } from '#events/email-events.ts'

/** The key under which an address is suppressed. */
export function addressKey(recipient: string): string {
  const parsed = parseAddress(recipient)
  return parsed.ok ? parsed.key : recipient.toLowerCase()
}

/** Suppressions remembered at most; each job was checked against the database when it arrived. */
const MAX_REMEMBERED = 100_000

/** Who is about to be written to. */
export interface SendingTo {
  readonly tenantId: string
  readonly addressKey: string
  readonly listId: string | null
  readonly mode: SendingMode
}

export interface RecentSuppressions {
  /** Takes the payload of a notification; anything else is ignored. */
  remember(payload: string): void
  /** Whether this address has been suppressed, everywhere or on the list, since its job arrived, and still is at `now`. */
  has(to: SendingTo, now: Date): boolean
}

/** What was suppressed while messages were already waiting in this process: checked again just before MAIL. */
export function createRecentSuppressions(): RecentSuppressions {
  /** Until when, in Unix milliseconds. */
  const recent = new Map<string, number>()
  return {
    remember: (payload) => {
      const told = parse(payload)
      if (told === undefined) return
      const key = keyOf(told.tenant_id, told.address_key, told.list_id, told.mode)
      recent.delete(key)
      if (told.isLifted) return
      recent.set(key, told.endsAtMs)
      if (recent.size > MAX_REMEMBERED) {
        const [oldest] = recent.keys()
        if (oldest !== undefined) recent.delete(oldest)
      }
    },
    has: ({ tenantId, addressKey, listId, mode }, now) =>
      recent.size > 0 &&
      (listId === null ? [null] : [null, listId]).some((list) =>
        [null, mode].some((of) => (recent.get(keyOf(tenantId, addressKey, list, of)) ?? 0) > now.getTime()),
      ),
  }
}

/** Null: every list, every mode. */
function keyOf(tenantId: string, addressKey: string, listId: string | null, mode: string | null): string {
  return `${tenantId}/${listId ?? '*'}/${mode ?? '*'}/${addressKey}`
}

interface Told {
  readonly tenant_id: string
  readonly address_key: string
  readonly list_id: string | null
  readonly mode: string | null
  readonly endsAtMs: number
  readonly isLifted: boolean
}

function parse(payload: string): Told | undefined {
  try {
    const told: unknown = JSON.parse(payload)
    if (typeof told !== 'object' || told === null || !('tenant_id' in told) || !('address_key' in told))
      return undefined
    const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
    const endsAt = 'expires_at' in told ? textOf(told.expires_at) : null
    return {
      tenant_id: String(told.tenant_id),
      address_key: String(told.address_key),
      list_id: 'list_id' in told ? textOf(told.list_id) : null,
      mode: 'mode' in told ? textOf(told.mode) : null,
      endsAtMs: endsAt === null ? Infinity : Date.parse(endsAt),
      isLifted: 'is_lifted' in told && told.is_lifted === true,
    }
  } catch {
    return undefined
  }
}
