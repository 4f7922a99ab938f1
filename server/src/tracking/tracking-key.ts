import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Keys } from '#platform/keys/keys.ts'

/** The key of the tokens in pixels and links, the same in every process of the installation. */
export function trackingKey(keys: Pick<Keys, 'derive'>): KeyObject {
  return createSecretKey(keys.derive('tracking'))
}
