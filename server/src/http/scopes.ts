/** Everything a caller can be allowed to do. A route names the one it needs; an API key carries some of them. */
export const SCOPES = [
  'analytics:read',
  'api-keys:read',
  'api-keys:write',
  'audit:read',
  'campaigns:read',
  'campaigns:write',
  'contacts:read',
  'contacts:write',
  'domains:read',
  'domains:write',
  'lists:read',
  'lists:write',
  'messages:read',
  'operation:read',
  'operation:write',
  'pools:read',
  'sandbox:read',
  'send',
  'sources:read',
  'sources:write',
  'suppressions:read',
  'suppressions:write',
  'templates:read',
  'templates:write',
  'tenant:read',
  'tenant:write',
  'webhooks:read',
  'webhooks:write',
] as const

export type Scope = (typeof SCOPES)[number]

export const ROLES = ['owner', 'admin', 'editor', 'viewer'] as const

export type Role = (typeof ROLES)[number]

const VIEWER: readonly Scope[] = [
  'analytics:read',
  'campaigns:read',
  'domains:read',
  'lists:read',
  'messages:read',
  'sandbox:read',
  'templates:read',
  'tenant:read',
]

const EDITOR: readonly Scope[] = [
  ...VIEWER,
  'campaigns:write',
  'contacts:read',
  'contacts:write',
  'lists:write',
  'pools:read',
  'send',
  'suppressions:read',
  'suppressions:write',
  'templates:write',
]

const ADMIN: readonly Scope[] = [
  ...EDITOR,
  'api-keys:read',
  'api-keys:write',
  'domains:write',
  'webhooks:read',
  'webhooks:write',
]

const SCOPES_OF_ROLE: Record<Role, readonly Scope[]> = {
  owner: SCOPES,
  admin: ADMIN,
  editor: EDITOR,
  viewer: VIEWER,
}

/** What a person with this role may do, and the most that an API key of theirs may carry. */
export function scopesOfRole(role: Role): readonly Scope[] {
  return SCOPES_OF_ROLE[role]
}

export function isScope(text: string): text is Scope {
  return SCOPES.some((scope) => scope === text)
}
