import { createPublicKey } from 'node:crypto'
import { octetsToUuid, signToken, uuidToOctets, verifyToken } from '@pigeon/mail/token.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { Problem } from '#platform/problem.ts'

/** Relays that can tell us, and what the operator gives us to know them by. */
export const RELAY_KINDS = {
  ses: 'The ARN of the SNS topic that SES publishes to.',
  sendgrid: 'The verification key of the signed event webhook.',
  mailgun: 'The HTTP webhook signing key of the account.',
  postmark: 'Nothing: user and password stand in the URL.',
} as const

export type RelayKind = keyof typeof RELAY_KINDS

export function isRelayKind(kind: string | null): kind is RelayKind {
  return kind !== null && Object.hasOwn(RELAY_KINDS, kind)
}

const TOKEN = { purpose: 'relay-webhook' } as const
const UUID_OCTETS = 16
const ARN = /^arn:aws(?:-cn|-us-gov)?:sns:[a-z0-9-]{1,32}:\d{12}:[A-Za-z0-9_-]{1,256}$/

/** The step of the path that names a source: nobody can guess one. */
export function webhookToken(keys: Pick<Keys, 'derive'>, sourceId: string): string {
  return signToken(keys.derive('relay-webhook'), uuidToOctets(sourceId), TOKEN)
}

/** The source that a token was made for, undefined when we did not make it. */
export function sourceOfToken(keys: Pick<Keys, 'derive'>, token: string): string | undefined {
  const payload = verifyToken(keys.derive('relay-webhook'), token, TOKEN)
  return payload?.length === UUID_OCTETS ? octetsToUuid(payload) : undefined
}

/** What Postmark sends to be known by. */
export function webhookPassword(keys: Pick<Keys, 'derive'>, sourceId: string): string {
  return keys.derive(`relay-webhook password ${sourceId}`).toString('base64url')
}

/** What is stored of what the operator gave. Problem `relay_webhooks.bad_verification`. */
export function checkedVerification(kind: RelayKind, text: string | null): string | null {
  const given = text?.trim() ?? ''
  if (given === '') return null
  const isFine = {
    ses: () => ARN.test(given),
    sendgrid: () => isPublicKey(given),
    mailgun: () => true,
    postmark: () => false,
  }
  if (isFine[kind]()) return given
  const message = `This is not what a relay of kind ${kind} is known by. ${RELAY_KINDS[kind]}`
  const errors = [{ field: 'verification', code: 'relay_webhooks.bad_verification', message }]
  throw new Problem('invalid', 'relay_webhooks.bad_verification', message, { errors })
}

function isPublicKey(text: string): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
    return key.asymmetricKeyType === 'ec'
  } catch {
    return false
  }
}
