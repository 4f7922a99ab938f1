import { Type, type Static } from 'typebox'

const Count = (description: string) =>
  Type.Optional(
    Type.Union([Type.Integer({ minimum: 1, maximum: 1_000_000_000 }), Type.Null()], { description }),
  )

const rates = {
  messages_per_second: Type.Optional(
    Type.Union([Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }), Type.Null()]),
  ),
  messages_per_minute: Count('Messages in any minute.'),
  messages_per_hour: Count('Messages in any hour.'),
  messages_per_day: Count('Messages in any 24 hours.'),
}

const strict = { additionalProperties: false } as const

/** Limits of one lane: one source to one provider. Null lifts a limit that a layer below has set. */
export const LaneKnobs = Type.Object(
  {
    connections: Count('Open connections.'),
    messages_per_connection: Count('Messages after which a connection is closed and a new one opened.'),
    connections_per_minute: Count('Connections opened in any minute.'),
    idle_seconds: Count('A connection with nothing to send is closed after this.'),
    tls: Type.Optional(Type.Enum(['opportunistic', 'required', 'none'])),
    ...rates,
  },
  strict,
)

/** Limits that several lanes share. */
export const SharedKnobs = Type.Object(
  { connections: Count('Open connections, all lanes together.'), ...rates },
  strict,
)

export const ProviderKnobs = Type.Object(
  {
    lane: Type.Optional(LaneKnobs),
    /** All sources together. */
    provider: Type.Optional(SharedKnobs),
    /** Each tenant to this provider. */
    tenant: Type.Optional(SharedKnobs),
  },
  strict,
)

const Layer = {
  /** For every provider that says nothing else. */
  default: Type.Optional(ProviderKnobs),
  providers: Type.Optional(Type.Record(Type.String({ maxLength: 255 }), ProviderKnobs)),
}

/** A shaping file: ours, or an operator's over it. */
export const ShapingFile = Type.Object(
  {
    comment: Type.Optional(Type.String()),
    ...Layer,
    /** Over the rest, for the sources of one pool, by its name. */
    pools: Type.Optional(Type.Record(Type.String({ maxLength: 255 }), Type.Object(Layer, strict))),
    /** Each tenant, all providers together. */
    tenant: Type.Optional(SharedKnobs),
  },
  strict,
)

export type LaneKnobs = Static<typeof LaneKnobs>
export type SharedKnobs = Static<typeof SharedKnobs>
export type ProviderKnobs = Static<typeof ProviderKnobs>
export type ShapingFile = Static<typeof ShapingFile>
