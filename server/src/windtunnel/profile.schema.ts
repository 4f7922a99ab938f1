import { Type } from 'typebox'
import type { Static } from 'typebox'
import { AfterwardsChangeSchema } from './afterwards/afterwards.schema.ts'
import { HabitsChangeSchema } from './habits.schema.ts'
import { SITUATIONS } from './profile.ts'
import type { Situation } from './profile.ts'

const MAX_DOMAINS = 1000
const NAME = '^[a-z][a-z0-9_]{0,39}$'
/** What a DNS name may look like here; `{domain}` and `{dashed}` stand for the recipient's domain. */
const HOST = '^[a-z0-9{][a-z0-9.{}_-]{0,252}$'

const Text = Type.String({ minLength: 1, maxLength: 498 })
const HostName = Type.String({ pattern: HOST })
const MxSchema = Type.Array(
  Type.Object(
    { preference: Type.Integer({ minimum: 0, maximum: 65_535 }), exchange: HostName },
    { additionalProperties: false },
  ),
  { minItems: 1, maxItems: 20 },
)

/** `CODE [STATUS] TEXT`; further lines after line feeds repeat code and status on the wire. */
export const REPLY = /^([45]\d\d) (?:([245]\.\d{1,3}\.\d{1,3}) )?([^\r]+)$/

const words = Object.fromEntries(
  SITUATIONS.map((situation) => [
    situation,
    Type.Optional(Type.String({ pattern: REPLY.source, maxLength: 2000 })),
  ]),
)

/** One file of a directory of profiles. What it does not say is as in the profile named by `like`. */
export const ProfileFileSchema = Type.Object(
  {
    name: Type.String({ pattern: NAME }),
    like: Type.Optional(Type.String({ pattern: NAME })),
    known_as: Type.Optional(Type.String({ pattern: NAME })),
    address: Type.String({ pattern: '^127\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}$' }),
    host: Type.Optional(Text),
    banner: Type.Optional(Text),
    capabilities: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Z0-9-]{1,40}$' }), { maxItems: 30 })),
    accepted: Type.Optional(Text),
    domains: Type.Array(HostName, { maxItems: MAX_DOMAINS }),
    weight: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
    own_mx: MxSchema,
    hosted_mx: Type.Optional(MxSchema),
    host_suffixes: Type.Array(HostName, { minItems: 1, maxItems: 100 }),
    words: Type.Optional(Type.Object(words, { additionalProperties: false })),
    habits: Type.Optional(HabitsChangeSchema),
    gentle: Type.Optional(HabitsChangeSchema),
    afterwards: Type.Optional(AfterwardsChangeSchema),
  },
  { additionalProperties: false },
)
export type ProfileFile = Omit<Static<typeof ProfileFileSchema>, 'words'> & {
  readonly words?: Partial<Record<Situation, string>>
}
