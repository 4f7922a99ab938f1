import { Type } from 'typebox'
import { ROLES, SCOPES } from '#http/scopes.ts'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'
import { Mode, TenantName, TenantSchema, TimeZone } from '#tenants/tenants.schema.ts'
import { MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS } from './passwords.ts'

const RoleSchema = Type.Enum([...ROLES])
const ScopeSchema = Type.Enum([...SCOPES])
const PersonName = Type.String({ minLength: 1, maxLength: 100 })
const Email = Type.String({ minLength: 3, maxLength: 320, examples: ['owner@example.com'] })

export const UserSchema = Type.Object(
  {
    id: Id,
    email: Type.String(),
    first_name: Nullable(Type.String()),
    last_name: Nullable(Type.String()),
    role: RoleSchema,
    status: Type.Enum(['active', 'disabled']),
    created_at: Timestamp,
  },
  { $id: 'User' },
)

export const SetupBody = Type.Object(
  {
    email: Email,
    password: Type.String({ minLength: MIN_PASSWORD_CHARS, maxLength: MAX_PASSWORD_CHARS }),
    first_name: Type.Optional(PersonName),
    last_name: Type.Optional(PersonName),
    tenant_name: TenantName,
    time_zone: Type.Optional(TimeZone),
  },
  { $id: 'SetupInput' },
)

export const SetupStatus = Type.Object({
  needed: Type.Boolean({ description: 'True until the first owner exists.' }),
})

export const SetupResult = Type.Object({ tenant: TenantSchema, user: UserSchema })

export const LoginBody = Type.Object(
  {
    email: Type.String({ minLength: 1, maxLength: 320 }),
    password: Type.String({ minLength: 1, maxLength: MAX_PASSWORD_CHARS }),
  },
  { $id: 'LoginInput' },
)

export const LoginResult = Type.Object(
  {
    access_token: Type.String({ description: 'Send it as `Authorization: Bearer`.' }),
    expires_at: Timestamp,
    user: UserSchema,
  },
  { $id: 'Login' },
)

export const MeSchema = Type.Object(
  {
    user: UserSchema,
    tenant: TenantSchema,
    scopes: Type.Array(ScopeSchema),
    mode: Mode,
    api_key_id: Nullable(Id),
  },
  { $id: 'Me' },
)

const apiKeyFields = {
  id: Id,
  user_id: Id,
  name: Type.String(),
  prefix: Type.String({ description: 'The beginning of the key, to recognise it by.' }),
  mode: Mode,
  scopes: Type.Array(Type.String()),
  expires_at: Nullable(Timestamp),
  last_used_at: Nullable(Timestamp),
  revoked_at: Nullable(Timestamp),
  created_at: Timestamp,
}

export const ApiKeySchema = Type.Object(apiKeyFields, { $id: 'ApiKey' })

export const NewApiKeySchema = Type.Object(
  { ...apiKeyFields, key: Type.String({ description: 'The key itself. It is shown now and never again.' }) },
  { $id: 'NewApiKey' },
)

export const ApiKeyBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100, pattern: String.raw`\S` }),
    scopes: Type.Optional(
      Type.Array(ScopeSchema, {
        minItems: 1,
        uniqueItems: true,
        description: 'All that you have yourself when absent, never more.',
      }),
    ),
    mode: Type.Optional(Mode),
    expires_at: Type.Optional(Type.String({ format: 'date-time' })),
  },
  { $id: 'ApiKeyInput' },
)
