import { Type } from 'typebox'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'
import {
  MAX_HTML_CHARACTERS,
  MAX_MJML_CHARACTERS,
  MAX_SUBJECT_CHARACTERS,
  MAX_TEXT_CHARACTERS,
  MAX_VARIABLES,
} from './template.ts'

const Variable = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  default: Type.Optional(Type.Union([Type.String({ maxLength: 10_000 }), Type.Number(), Type.Boolean()])),
  description: Type.Optional(Type.String({ maxLength: 1_000 })),
})

export const TemplateBody = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 255, examples: ['Newsletter'] }),
  category: Type.Optional(Nullable(Type.String({ maxLength: 100 }))),
  subject: Type.String({
    minLength: 1,
    maxLength: MAX_SUBJECT_CHARACTERS,
    examples: ['Hello {{ first_name }}'],
  }),
  html: Type.Optional(
    Nullable(Type.String({ maxLength: MAX_HTML_CHARACTERS, description: 'Liquid in HTML; or use mjml.' })),
  ),
  mjml: Type.Optional(Nullable(Type.String({ maxLength: MAX_MJML_CHARACTERS }))),
  text: Type.Optional(
    Nullable(Type.String({ maxLength: MAX_TEXT_CHARACTERS, description: 'Made from the HTML when absent.' })),
  ),
  variables: Type.Optional(Type.Array(Variable, { maxItems: MAX_VARIABLES })),
})

export const TemplateSchema = Type.Object(
  {
    id: Id,
    name: Type.String(),
    category: Nullable(Type.String()),
    version: Type.Integer(),
    subject: Type.String(),
    html: Nullable(Type.String()),
    mjml: Nullable(Type.String()),
    text: Nullable(Type.String()),
    variables: Type.Array(Variable),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { $id: 'Template' },
)

export const TemplateSummarySchema = Type.Object(
  {
    id: Id,
    name: Type.String(),
    category: Nullable(Type.String()),
    version: Type.Integer(),
    subject: Type.String(),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { $id: 'TemplateSummary' },
)

export const VersionSchema = Type.Object(
  { version: Type.Integer(), subject: Type.String(), created_at: Timestamp },
  { $id: 'TemplateVersion' },
)

export const TemplateQuery = Type.Object({
  version: Type.Optional(Type.Integer({ minimum: 1, description: 'The current one when absent.' })),
})

export const PreviewBody = Type.Object({
  version: Type.Optional(Type.Integer({ minimum: 1 })),
  email: Type.Optional(Type.String({ maxLength: 320 })),
  data: Type.Optional(
    Type.Record(Type.String({ maxLength: 100 }), Type.Unsafe<string | number | boolean | null>({}), {
      description: 'first_name, last_name and the attributes of a contact.',
    }),
  ),
})

export const PreviewSchema = Type.Object(
  { subject: Type.String(), html: Type.String(), text: Type.String() },
  { $id: 'TemplatePreview' },
)
