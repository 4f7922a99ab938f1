import { Type } from 'typebox'
import type { Config } from './sections.ts'

const ADDRESS = "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$"
const DOMAIN = '^[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$'

export const inboundSettings = Type.Object({
  PIGEON_INBOUND_HOST: Type.String({
    default: '127.0.0.1',
    pattern: '^[A-Za-z0-9.:_-]+$',
    allowed: 'an address or a host name of this machine; 0.0.0.0 for all addresses',
    description: 'Address on which mail that comes back is taken by SMTP.',
  }),
  PIGEON_INBOUND_PORT: Type.Integer({
    default: 2525,
    minimum: 1,
    maximum: 65_535,
    description:
      'Port on which mail that comes back is taken by SMTP. Other servers speak to port 25: listen there, or let it lead here.',
  }),
  PIGEON_INBOUND_MAX_MB: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 100,
    description:
      'Largest mail that is taken, in megabytes. Reports are small; some bring back the whole message.',
  }),
  PIGEON_INBOUND_CONNECTIONS: Type.Integer({
    default: 200,
    minimum: 1,
    maximum: 10_000,
    description: 'Open connections of other servers at most.',
  }),
  PIGEON_INBOUND_CONNECTIONS_PER_ADDRESS: Type.Integer({
    default: 20,
    minimum: 1,
    maximum: 10_000,
    description: 'Open connections of one address (of IPv6, of one network of 64 bits) at most.',
  }),
  PIGEON_INBOUND_MAILS_PER_MINUTE: Type.Integer({
    default: 600,
    minimum: 1,
    maximum: 1_000_000,
    description: 'Mails from one address in a minute at most; those beyond it are told to come again.',
  }),
  PIGEON_INBOUND_TLS_CERT: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'File with the certificate for STARTTLS, and those between it and its authority (PEM). Read again when it changes. Without it Pigeon makes one of its own, which is enough for servers that send mail.',
    }),
  ),
  PIGEON_INBOUND_TLS_KEY: Type.Optional(
    Type.String({ minLength: 1, description: 'File with the private key of that certificate (PEM).' }),
  ),
  PIGEON_COMPLAINT_ADDRESSES: Type.Array(Type.String({ pattern: ADDRESS }), {
    default: [],
    allowed: 'email addresses separated by commas',
    description:
      'Addresses that were given to providers for their complaints, besides abuse@, complaints@ and fbl@ at PIGEON_INBOUND_DOMAIN.',
  }),
  PIGEON_REPLY_DOMAINS: Type.Array(Type.String({ pattern: DOMAIN }), {
    default: [],
    allowed: 'domain names separated by commas',
    description: 'Domains whose mail, to any address, is taken and kept as replies.',
  }),
  PIGEON_IMAP_HOST: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9.:_-]+$',
      allowed: 'a host name or an address',
      description:
        'Server of a mailbox into which bounces and complaints come, to be collected over IMAP. For those whose mail leaves through relays, or who cannot take mail on port 25. The mailbox should be for nothing else.',
    }),
  ),
  PIGEON_IMAP_PORT: Type.Integer({
    default: 993,
    minimum: 1,
    maximum: 65_535,
    description: 'Port of that server.',
  }),
  PIGEON_IMAP_TLS: Type.Enum(['implicit', 'starttls', 'none'], {
    default: 'implicit',
    description:
      'implicit: TLS from the first octet, as on port 993. starttls: after a word in plain text, as on port 143. none: for a server on this machine. The certificate is checked.',
  }),
  PIGEON_IMAP_USER: Type.String({ default: '', maxLength: 255, description: 'Who logs in there.' }),
  PIGEON_IMAP_PASSWORD: Type.Optional(
    Type.String({ secret: true, description: 'The password, or one for this program alone.' }),
  ),
  PIGEON_IMAP_FOLDER: Type.String({
    default: 'INBOX',
    minLength: 1,
    maxLength: 255,
    description: 'Folder whose unseen mails are collected. They are marked as seen and stay there.',
  }),
  PIGEON_IMAP_SECONDS: Type.Integer({
    default: 60,
    minimum: 1,
    maximum: 86_400,
    description: 'Wait between two looks into the mailbox, in seconds.',
  }),
  PIGEON_RETURNED_MAIL_DAYS: Type.Integer({
    default: 30,
    minimum: 1,
    maximum: 365,
    description: 'How long replies and mail that could not be understood are kept, in days.',
  }),
})

/** The domain of the sandbox's return paths, which the windtunnel leads to this machine. */
const SANDBOX_DOMAIN = 'in.pigeon.example'

/** Where what comes back goes: as it is set, and in sandbox always somewhere. */
export function inboundDomain(
  config: Pick<Config, 'PIGEON_INBOUND_DOMAIN' | 'PIGEON_MODE'>,
): string | undefined {
  return (
    config.PIGEON_INBOUND_DOMAIN?.toLowerCase() ??
    (config.PIGEON_MODE === 'sandbox' ? SANDBOX_DOMAIN : undefined)
  )
}
