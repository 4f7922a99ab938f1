import { Type, type Static } from 'typebox'

const name = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: '^[a-z0-9][a-z0-9-]*$',
  description: 'What people call it.',
})
const secret = (description: string) =>
  Type.String({ minLength: 1, maxLength: 4096, secret: true, description })
const endpoint = Type.Optional(
  Type.String({ maxLength: 512, description: 'URL of the API. Default: the provider’s own for the region.' }),
)
const maxConcurrent = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 500, default: 20, description: 'Messages in hand at the same time.' }),
)
const strict = { additionalProperties: false }

export const SmarthostConfig = Type.Object(
  {
    kind: Type.Literal('smarthost'),
    name,
    maxConcurrent,
    host: Type.String({ minLength: 1, maxLength: 253, pattern: '^[A-Za-z0-9._:-]+$' }),
    port: Type.Integer({ minimum: 1, maximum: 65_535, description: '587 with STARTTLS is usual.' }),
    tls: Type.Enum(['none', 'opportunistic', 'required', 'implicit'], {
      description: 'implicit: TLS from the first octet, as on port 465.',
    }),
    verify: Type.Optional(
      Type.Boolean({
        description:
          'Whether its certificate must be one of a known authority, and of its name. Absent: yes where TLS is required and the host is a name.',
      }),
    ),
    username: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    password: Type.Optional(secret('Sent over TLS only.')),
  },
  strict,
)

export const SesConfig = Type.Object(
  {
    kind: Type.Literal('ses'),
    name,
    maxConcurrent,
    endpoint,
    region: Type.String({ pattern: '^[a-z]{2}(-[a-z]+)+-\\d$', description: 'For example eu-west-1.' }),
    accessKeyId: Type.String({ minLength: 1, maxLength: 128 }),
    secretAccessKey: secret('Of a user that may call ses:SendRawEmail.'),
    sessionToken: Type.Optional(secret('Of temporary credentials.')),
    configurationSet: Type.Optional(Type.String({ maxLength: 64, pattern: '^[A-Za-z0-9_-]+$' })),
  },
  strict,
)

export const SendgridConfig = Type.Object(
  {
    kind: Type.Literal('sendgrid'),
    name,
    maxConcurrent,
    endpoint,
    region: Type.Enum(['global', 'eu']),
    apiKey: secret('An API key with the permission Mail Send.'),
  },
  strict,
)

export const MailgunConfig = Type.Object(
  {
    kind: Type.Literal('mailgun'),
    name,
    maxConcurrent,
    endpoint,
    region: Type.Enum(['us', 'eu']),
    domain: Type.String({ minLength: 1, maxLength: 253, pattern: '^[A-Za-z0-9.-]+$' }),
    apiKey: secret('A sending key of the domain is enough.'),
  },
  strict,
)

export const PostmarkConfig = Type.Object(
  {
    kind: Type.Literal('postmark'),
    name,
    maxConcurrent,
    endpoint,
    serverToken: secret('The token of the server, not that of the account.'),
    messageStream: Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'outbound, broadcast, or one of your own.',
    }),
  },
  strict,
)

export const GmailConfig = Type.Object(
  {
    kind: Type.Literal('gmail'),
    name,
    maxConcurrent,
    endpoint,
    account: Type.String({ minLength: 3, maxLength: 254, description: 'The address of the account.' }),
  },
  strict,
)

/** One relay as it is configured, with its secrets in clear: it is kept sealed and opened where it is used. */
export const RelayConfig = Type.Union([
  SmarthostConfig,
  SesConfig,
  SendgridConfig,
  MailgunConfig,
  PostmarkConfig,
  GmailConfig,
])

export type RelayConfig = Static<typeof RelayConfig>
export type RelayKind = RelayConfig['kind']
export type HttpRelayConfig = Exclude<RelayConfig, { kind: 'smarthost' }>

export const DEFAULT_MAX_CONCURRENT = 20

const ONE_FOR_ALL = {
  postmark: 'https://api.postmarkapp.com',
  gmail: 'https://gmail.googleapis.com',
} as const

/** Where the provider itself takes requests. */
export function officialEndpoint(config: HttpRelayConfig): string {
  switch (config.kind) {
    case 'ses':
      return `https://email.${config.region}.amazonaws.com`
    case 'sendgrid':
      return config.region === 'eu' ? 'https://api.eu.sendgrid.com' : 'https://api.sendgrid.com'
    case 'mailgun':
      return config.region === 'eu' ? 'https://api.eu.mailgun.net' : 'https://api.mailgun.net'
    default:
      return ONE_FOR_ALL[config.kind]
  }
}
