import { Type } from 'typebox'
import { Id, Nullable, PageQuery, Timestamp } from '#http/schemas.ts'
import { MAX_ATTRIBUTE_VALUE_CHARS, MAX_NAME_CHARS } from './contact.ts'
import { MAX_CONTACTS_PER_CALL } from './upsert-contacts.ts'

/** Longer than any address: what is wrong with it is said by its own rules. */
const MAX_EMAIL_CHARS = 1_000
const Name = Nullable(Type.String({ maxLength: MAX_NAME_CHARS }))
const AttributeValueSchema = Type.Union([
  Type.String({ maxLength: MAX_ATTRIBUTE_VALUE_CHARS }),
  Type.Number(),
  Type.Boolean(),
])
const AttributesIn = Type.Record(Type.String(), Nullable(AttributeValueSchema), {
  description: 'Flat: names of letters, digits and _; null removes one.',
  examples: [{ city: 'Porto', plan: 'pro' }],
})

const fields = {
  email: Type.String({ maxLength: MAX_EMAIL_CHARS, examples: ['ann@example.com'] }),
  first_name: Type.Optional(Name),
  last_name: Type.Optional(Name),
  attributes: Type.Optional(AttributesIn),
}

export const ContactBody = Type.Object(fields)

export const ListContactsBody = Type.Object({
  contacts: Type.Array(
    Type.Object({
      ...fields,
      resubscribe: Type.Optional(
        Type.Boolean({
          description: 'The person asked for this list again: takes back an earlier unsubscription.',
        }),
      ),
    }),
    { minItems: 1, maxItems: MAX_CONTACTS_PER_CALL },
  ),
  on_existing: Type.Optional(
    Type.Enum(['upsert', 'skip'], {
      default: 'upsert',
      description: 'Contacts that exist are overwritten by what is given, or stay as they are.',
    }),
  ),
})

const contact = {
  id: Id,
  email: Type.String(),
  first_name: Nullable(Type.String()),
  last_name: Nullable(Type.String()),
  attributes: Type.Record(Type.String(), AttributeValueSchema),
  created_at: Timestamp,
  updated_at: Timestamp,
}

const SubscriptionStatusSchema = Type.Enum(['subscribed', 'unsubscribed'])

export const ContactSchema = Type.Object(contact, { $id: 'Contact' })

export const ContactWithListsSchema = Type.Object(
  {
    ...contact,
    lists: Type.Array(
      Type.Object({
        list_id: Id,
        name: Type.String(),
        status: SubscriptionStatusSchema,
        subscribed_at: Timestamp,
        unsubscribed_at: Nullable(Timestamp),
      }),
    ),
  },
  { $id: 'ContactWithLists' },
)

export const ListContactSchema = Type.Object(
  {
    ...contact,
    status: SubscriptionStatusSchema,
    subscribed_at: Timestamp,
    unsubscribed_at: Nullable(Timestamp),
  },
  { $id: 'ListContact' },
)

export const ContactsStored = Type.Object({
  created: Type.Integer(),
  updated: Type.Integer(),
  skipped: Type.Integer(),
  data: Type.Array(ListContactSchema, { description: 'In the order of their addresses.' }),
})

export const ContactQuery = Type.Object({
  ...PageQuery.properties,
  email: Type.Optional(
    Type.String({ maxLength: MAX_EMAIL_CHARS, description: 'This address, in any spelling.' }),
  ),
})

export const ListContactQuery = Type.Object({
  ...PageQuery.properties,
  status: Type.Optional(SubscriptionStatusSchema),
})
