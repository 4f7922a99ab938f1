import { Type } from 'typebox'

export const windtunnelSettings = Type.Object({
  PIGEON_WINDTUNNEL_SMTP_PORT: Type.Integer({
    default: 2526,
    minimum: 1,
    maximum: 65_535,
    description: 'Port of the simulated receivers; each provider has loopback addresses of its own.',
  }),
  PIGEON_WINDTUNNEL_DNS_PORT: Type.Integer({
    default: 5354,
    minimum: 1,
    maximum: 65_535,
    description: 'Port of the simulated name server on 127.0.0.1.',
  }),
  PIGEON_WINDTUNNEL_CONTROL_PORT: Type.Integer({
    default: 2580,
    minimum: 1,
    maximum: 65_535,
    description: 'Port on 127.0.0.1 at which the sandbox inbox of the windtunnel is read.',
  }),
  PIGEON_WINDTUNNEL_SEED: Type.Integer({
    default: 1,
    minimum: 0,
    maximum: 4_294_967_295,
    description: 'The same seed makes the simulated providers behave the same.',
  }),
  PIGEON_WINDTUNNEL_KEEP_MESSAGES: Type.Integer({
    default: 20_000,
    minimum: 1,
    maximum: 10_000_000,
    description: 'Received messages whose source is kept for the sandbox inbox; the oldest go first.',
  }),
  PIGEON_WINDTUNNEL_TLS: Type.Boolean({
    default: true,
    description: 'Whether the simulated receivers offer STARTTLS.',
  }),
  PIGEON_WINDTUNNEL_HABITS: Type.Enum(['gentle', 'published'], {
    default: 'gentle',
    description:
      'gentle: low rates and long waits are left out, so that a first campaign ends in seconds. published: as the providers are; best with a time that runs faster.',
  }),
  PIGEON_WINDTUNNEL_TIME_SCALE: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 10_000,
    description:
      'Seconds that pass in the windtunnel in a real one: 1440 makes a day a minute. Rates, greylisting, penalties and reputation go by it.',
  }),
  PIGEON_WINDTUNNEL_AFTERWARDS: Type.Boolean({
    default: false,
    description:
      'Whether something comes back of what the simulated providers accepted: bounces by mail, complaints, opens, clicks, unsubscriptions and automatic replies, as their profiles say.',
  }),
  PIGEON_WINDTUNNEL_PROFILES: Type.Optional(
    Type.String({
      description:
        'Directory of JSON files with providers of your own, which are simulated besides those of Pigeon or in their place.',
    }),
  ),
})
