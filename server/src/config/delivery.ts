import { Type } from 'typebox'

/** Time-outs follow RFC 5321, section 4.5.3.2: shorter ones give up on receivers that are slow but honest. */
export const deliverySettings = Type.Object({
  PIGEON_DELIVERY_CONNECTIONS: Type.Integer({
    default: 60,
    minimum: 1,
    maximum: 10_000,
    description: 'Open outbound SMTP connections in one deliver process.',
  }),
  PIGEON_SHAPING_FILE: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'File with limits for mailbox providers and pools, over those that Pigeon ships (docs/shaping.md). A change is in force within seconds.',
    }),
  ),
  PIGEON_EHLO_NAME: Type.Optional(
    Type.String({
      maxLength: 255,
      pattern: '^[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*$',
      allowed: 'a host name, for example mail.example.com',
      description:
        'Name that this machine gives in EHLO. In live mode it should resolve to the sending address and back. Default: the host name of the machine.',
    }),
  ),
  PIGEON_RETURN_PATH_PREFIX: Type.String({
    default: 'bounces',
    maxLength: 22,
    pattern: '^[A-Za-z0-9-]+$',
    allowed: 'letters, digits and hyphens, at most 22',
    description:
      'What stands before the + in envelope senders: bounces+…@example.com. Where mail to such addresses goes to the mailbox before the +, it gets all bounces.',
  }),
  PIGEON_INBOUND_DOMAIN: Type.Optional(
    Type.String({
      maxLength: 200,
      pattern: '^[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$',
      allowed: 'a domain name, for example in.example.com',
      description:
        'Domain whose mail comes to this installation. With it messages name an address, too, to which mail unsubscribes (RFC 2369).',
    }),
  ),
  PIGEON_TLS_POLICY: Type.Enum(['opportunistic', 'required', 'none'], {
    default: 'opportunistic',
    description:
      'opportunistic: STARTTLS where the receiver offers it, whatever its certificate. required: no delivery without TLS. none: never.',
  }),
  PIGEON_DNS_SERVERS: Type.Array(
    Type.String({
      pattern: '^(\\d{1,3}(\\.\\d{1,3}){3}(:\\d{1,5})?|\\[[0-9A-Fa-f:]+\\](:\\d{1,5})?|[0-9A-Fa-f:]+)$',
    }),
    {
      default: [],
      allowed: 'addresses separated by commas, for example 9.9.9.9,[2620:fe::fe]:53',
      description: 'Name servers that are asked for MX records. Empty: those of the system.',
    },
  ),
  PIGEON_SMTP_PORT: Type.Integer({
    default: 25,
    minimum: 1,
    maximum: 65_535,
    description: 'Port of the receiving servers in live mode. In sandbox it is the port of the windtunnel.',
  }),
  PIGEON_ALLOW_PRIVATE_ADDRESSES: Type.Boolean({
    default: false,
    description:
      'Whether mail may go to private, loopback and link-local addresses in live mode. For tests on one machine only.',
  }),
  PIGEON_ALLOW_PRIVATE_SOURCES: Type.Boolean({
    default: false,
    description:
      'Whether a source may have a private address in live mode, as behind NAT, where receivers see another one. In sandbox it may.',
  }),
  PIGEON_ALLOW_PRIVATE_RELAYS: Type.Boolean({
    default: false,
    description:
      'Whether a relay may have a private or loopback address, as a Postfix beside Pigeon has. Its log-in is then also sent without TLS where its source says so.',
  }),
  PIGEON_RETRY_FIRST_SECONDS: Type.Integer({
    default: 300,
    minimum: 1,
    maximum: 86_400,
    description:
      'Wait before the second attempt, in seconds; each further wait is twice as long, with jitter.',
  }),
  PIGEON_RETRY_MAX_SECONDS: Type.Integer({
    default: 14_400,
    minimum: 1,
    maximum: 604_800,
    description: 'Longest wait between two attempts, in seconds.',
  }),
  PIGEON_EXPIRE_HOURS: Type.Integer({
    default: 72,
    minimum: 1,
    maximum: 720,
    description: 'A message that could not be delivered for this long has failed, in hours.',
  }),
  PIGEON_TRANSACTIONAL_RETRY_FIRST_SECONDS: Type.Integer({
    default: 60,
    minimum: 1,
    maximum: 86_400,
    description: 'The same for transactional messages: wait before the second attempt, in seconds.',
  }),
  PIGEON_TRANSACTIONAL_RETRY_MAX_SECONDS: Type.Integer({
    default: 3_600,
    minimum: 1,
    maximum: 604_800,
    description: 'Longest wait between two attempts of a transactional message, in seconds.',
  }),
  PIGEON_TRANSACTIONAL_EXPIRE_HOURS: Type.Integer({
    default: 24,
    minimum: 1,
    maximum: 720,
    description: 'A transactional message that could not be delivered for this long is given up, in hours.',
  }),
  PIGEON_SANDBOX_RETRY_FIRST_MS: Type.Integer({
    default: 1000,
    minimum: 10,
    maximum: 3_600_000,
    description: 'Wait before the second attempt in sandbox, in milliseconds, so that rehearsals end.',
  }),
  PIGEON_SANDBOX_EXPIRE_SECONDS: Type.Integer({
    default: 30,
    minimum: 1,
    maximum: 86_400,
    description: 'A sandbox message that could not be delivered for this long has failed, in seconds.',
  }),
  PIGEON_CONNECT_TIMEOUT_SECONDS: seconds(30, 'Wait for the TCP connection'),
  PIGEON_BANNER_TIMEOUT_SECONDS: seconds(300, 'Wait for the greeting of the receiver'),
  PIGEON_COMMAND_TIMEOUT_SECONDS: seconds(300, 'Wait for the reply to EHLO, STARTTLS, MAIL, RCPT and RSET'),
  PIGEON_DATA_TIMEOUT_SECONDS: seconds(120, 'Wait for the reply to DATA'),
  PIGEON_BLOCK_TIMEOUT_SECONDS: seconds(180, 'Wait until the receiver takes a block of the message'),
  PIGEON_DOT_TIMEOUT_SECONDS: seconds(
    600,
    'Wait for the reply to the final dot; too short a wait makes duplicates',
  ),
})

function seconds(value: number, what: string) {
  return Type.Integer({ default: value, minimum: 1, maximum: 3600, description: `${what}, in seconds.` })
}
