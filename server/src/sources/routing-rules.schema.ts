import { Type } from 'typebox'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'
import { MessageClassSchema } from './pools.schema.ts'
import { RULE_LIMITS } from './routing-rule.ts'

const many = { minItems: 1, maxItems: RULE_LIMITS.valuesOfCondition }
const Provider = Type.String({ minLength: 1, maxLength: RULE_LIMITS.providerChars, examples: ['google'] })
const Domain = Type.String({ minLength: 1, maxLength: 255, examples: ['example.com', '*.example.com'] })

const conditions = {
  tenant_ids: Type.Optional(Nullable(Type.Array(Id, many))),
  campaign_ids: Type.Optional(Nullable(Type.Array(Id, many))),
  message_classes: Type.Optional(Nullable(Type.Array(MessageClassSchema, many))),
  providers: Type.Optional(
    Nullable(Type.Array(Provider, { ...many, description: "Who runs the recipient's mailboxes." })),
  ),
  from_domains: Type.Optional(
    Nullable(
      Type.Array(Domain, { ...many, description: 'Of From; *.example.com is every domain below it.' }),
    ),
  ),
}

export const RuleBody = Type.Object(
  { ...conditions, pool_id: Id },
  {
    $id: 'RoutingRuleInput',
    description: 'Each condition that is given must hold, by one of its values. None: every message.',
  },
)

export const NewRuleBody = Type.Object(
  {
    ...conditions,
    pool_id: Id,
    position: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: RULE_LIMITS.rules,
        description: '1 is asked first. Absent: last.',
      }),
    ),
  },
  { $id: 'NewRoutingRule' },
)

export const RuleOrderBody = Type.Object({
  ids: Type.Array(Id, { maxItems: RULE_LIMITS.rules, description: 'Every rule, the first one first.' }),
})

export const RuleSchema = Type.Object(
  {
    id: Id,
    position: Type.Integer(),
    tenant_ids: Nullable(Type.Array(Id)),
    campaign_ids: Nullable(Type.Array(Id)),
    message_classes: Nullable(Type.Array(MessageClassSchema)),
    providers: Nullable(Type.Array(Type.String())),
    from_domains: Nullable(Type.Array(Type.String())),
    pool_id: Id,
    pool: Type.String({ description: 'Name of the pool.' }),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { $id: 'RoutingRule' },
)

export const RulesSchema = Type.Object({ data: Type.Array(RuleSchema) }, { $id: 'RoutingRules' })

export const RouteTestBody = Type.Object({
  recipient_domain: Type.String({ minLength: 1, maxLength: 255, examples: ['gmail.com'] }),
  from_domain: Type.String({ minLength: 1, maxLength: 255, examples: ['news.example.com'] }),
  message_class: Type.Optional(Type.Enum(['bulk', 'transactional'], { default: 'bulk' })),
  campaign_id: Type.Optional(Nullable(Id)),
})

export const RouteTestSchema = Type.Object(
  {
    provider: Type.String({ description: "Who runs the recipient's mailboxes." }),
    pool_id: Id,
    pool: Type.String(),
    reason: Type.String({ description: 'Why this pool.' }),
  },
  { $id: 'RouteTest' },
)
