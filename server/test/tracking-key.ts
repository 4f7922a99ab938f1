import type { KeyObject } from 'node:crypto'
import { openFileKeys } from '#platform/keys/file-keys.ts'
import { trackingKey } from '#tracking/tracking-key.ts'

/** The key of tracked links in an installation with this master key: makes links that it has not sent. */
export async function trackingKeyOf(masterKey: string): Promise<KeyObject> {
  return trackingKey(await openFileKeys({ dataDir: '', masterKey }))
}
