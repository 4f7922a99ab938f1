import { parseAddress } from '@pigeon/mail/address.ts'

/** The key under which an address is suppressed. */
export function addressKey(recipient: string): string {
  const parsed = parseAddress(recipient)
  return parsed.ok ? parsed.key : recipient.toLowerCase()
}

/** Suppressions remembered at most; each job was checked against the database when it arrived. */
const MAX_REMEMBERED = 100_000

export interface RecentSuppressions {
  /** Takes the payload of a notification; anything else is ignored. */
  remember(payload: string): void
  /** Whether this address has been suppressed, everywhere or on the list, since its job arrived. */
  has(tenantId: string, addressKey: string, listId: string | null): boolean
}

/** What was suppressed while messages were already waiting in this process: checked again just before MAIL. */
export function createRecentSuppressions(): RecentSuppressions {
  const recent = new Set<string>()
  return {
    remember: (payload) => {
      const told = parse(payload)
      if (told === undefined) return
      recent.add(`${told.tenant_id}/${told.list_id ?? '*'}/${told.address_key}`)
      if (recent.size > MAX_REMEMBERED) {
        const [oldest] = recent
        if (oldest !== undefined) recent.delete(oldest)
      }
    },
    has: (tenantId, addressKey, listId) =>
      recent.size > 0 &&
      (recent.has(`${tenantId}/*/${addressKey}`) ||
        (listId !== null && recent.has(`${tenantId}/${listId}/${addressKey}`))),
  }
}

function parse(
  payload: string,
): { tenant_id: string; address_key: string; list_id: string | null } | undefined {
  try {
    const told: unknown = JSON.parse(payload)
    if (typeof told !== 'object' || told === null || !('tenant_id' in told) || !('address_key' in told))
      return undefined
    const listId = 'list_id' in told && typeof told.list_id === 'string' ? told.list_id : null
    return { tenant_id: String(told.tenant_id), address_key: String(told.address_key), list_id: listId }
  } catch {
    return undefined
  }
}
