import type { Keys } from '#platform/keys/keys.ts'

/** An envelope that opens for this webhook alone. */
export async function sealSecret(keys: Keys, webhookId: string, secret: string): Promise<Buffer> {
  return keys.encrypt(Buffer.from(secret), contextOf(webhookId))
}

/** The secret as its owner knows it. */
export async function openSecret(keys: Keys, webhookId: string, envelope: Buffer): Promise<string> {
  return (await keys.decrypt(envelope, contextOf(webhookId))).toString('utf8')
}

function contextOf(webhookId: string): string {
  return `webhook:${webhookId}`
}
