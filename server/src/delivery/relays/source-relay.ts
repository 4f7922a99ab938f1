import type { TObject } from 'typebox'
import { Check, Errors } from 'typebox/value'
import { Problem, type FieldError } from '#platform/problem.ts'
import type { RelayConfig as SourceConfig } from '#sources/source.ts'
import { checkRelay } from './create-relay.ts'
import { parseGoogleCredentials } from './google-tokens.ts'
import {
  GmailConfig,
  MailgunConfig,
  PostmarkConfig,
  RelayConfig,
  SendgridConfig,
  SesConfig,
  SmarthostConfig,
  type RelayKind,
} from './relay-config.ts'

/** What a source says of its relay, and its secret in clear. */
export interface RelayOfSource {
  readonly name: string
  readonly kind: string
  readonly config: SourceConfig
  /** Undefined: it has none. */
  readonly secret: string | undefined
}

/** Per kind: what its settings are, and which of them a source keeps encrypted. */
const KINDS: Readonly<Record<RelayKind, { readonly schema: TObject; readonly secret: string | null }>> = {
  smarthost: { schema: SmarthostConfig, secret: 'password' },
  ses: { schema: SesConfig, secret: 'secretAccessKey' },
  sendgrid: { schema: SendgridConfig, secret: 'apiKey' },
  mailgun: { schema: MailgunConfig, secret: 'apiKey' },
  postmark: { schema: PostmarkConfig, secret: 'serverToken' },
  // Its secret is no setting but what tokens are asked for with.
  gmail: { schema: GmailConfig, secret: null },
}

/** The configuration of a source's relay. Throws a Problem `relays.bad_config` that says what is wrong with it. */
export function configOfSource(source: RelayOfSource): RelayConfig {
  const faults = faultsOf(source)
  const config = configFrom(source)
  if (faults[0] === undefined && Check(RelayConfig, config)) return config
  throw new Problem('invalid', 'relays.bad_config', faults[0]?.message ?? 'These settings make no relay.')
}

/** Everything that is wrong with what a person says of a relay, by field of the source. */
export function relayFaults(deps: { readonly allowPrivate: boolean }, source: RelayOfSource): FieldError[] {
  const faults = faultsOf(source)
  if (faults.length > 0) return faults
  try {
    checkRelay(deps, configOfSource(source))
    return []
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return [{ field: 'relay_config', code: error.code, message: error.message }]
  }
}

function faultsOf(source: RelayOfSource): FieldError[] {
  const { kind, config, secret } = source
  if (!isKind(kind)) {
    const message = `There is no such kind of relay. There are: ${Object.keys(KINDS).join(', ')}.`
    return [{ field: 'relay_kind', code: 'unknown', message }]
  }
  const { schema, secret: secretField } = KINDS[kind]
  const misplaced = misplacedFaults(config, secretField)
  if (misplaced.length > 0) return misplaced
  const needsSecret = secretField === null || new Set(schema.required).has(secretField)
  if (secret === undefined && needsSecret) {
    return [{ field: 'relay_secret', code: 'required', message: `A relay of kind ${kind} needs its secret.` }]
  }
  if (kind === 'gmail' && parseGoogleCredentials(secret ?? '') === undefined) {
    const message = 'The secret of a Gmail account is JSON with client_id, client_secret and refresh_token.'
    return [{ field: 'relay_secret', code: 'bad_credentials', message }]
  }
  return Errors(schema, configFrom(source)).map(({ instancePath, message, keyword, params }) => {
    const missing = 'requiredProperties' in params ? params.requiredProperties : []
    const extra = 'additionalProperties' in params ? params.additionalProperties : []
    const field = `relay_config${instancePath.replaceAll('/', '.')}`
    const names = [...missing, ...extra].join(', ')
    return { field, code: keyword, message: `${field} ${message}${names === '' ? '' : `: ${names}`}.` }
  })
}

/** A secret among the settings would be shown to everybody who may see them. */
function misplacedFaults(config: SourceConfig, secretField: string | null): FieldError[] {
  return ['kind', 'name', secretField]
    .filter((name) => name !== null && name in config)
    .map((name) => ({
      field: `relay_config.${name}`,
      code: 'misplaced',
      message:
        name === secretField
          ? `Give ${name} as relay_secret, where it is kept encrypted.`
          : `Leave ${name} out of relay_config: the source has it.`,
    }))
}

function configFrom({ name, kind, config, secret }: RelayOfSource): Readonly<Record<string, unknown>> {
  const secretField = isKind(kind) ? KINDS[kind].secret : null
  const hidden = secretField === null || secret === undefined ? {} : { [secretField]: secret }
  return { ...config, ...hidden, kind, name: name.toLowerCase() }
}

function isKind(kind: string): kind is RelayKind {
  return Object.hasOwn(KINDS, kind)
}
