import { Type } from 'typebox'

export const webhookSettings = Type.Object({
  PIGEON_ALLOW_PRIVATE_WEBHOOKS: Type.Boolean({
    default: false,
    description:
      'Lets webhooks go to private and loopback addresses, and over http. For receivers on the same machine or network.',
  }),
  PIGEON_WEBHOOK_KEEP_DAYS: Type.Integer({
    default: 7,
    // The last retry comes after some three and a half days.
    minimum: 4,
    maximum: 90,
    description: 'How long webhook deliveries and their attempts are kept, in days.',
  }),
  PIGEON_WEBHOOK_DISABLE_DAYS: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 90,
    description: 'A webhook whose every attempt has failed for this long is disabled, in days.',
  }),
})
