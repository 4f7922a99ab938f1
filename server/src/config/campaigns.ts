import { Type } from 'typebox'

export const campaignSettings = Type.Object({
  PIGEON_MISSED_SCHEDULE_MINUTES: Type.Integer({
    default: 60,
    minimum: 1,
    maximum: 10_080,
    description:
      'A campaign whose scheduled time passed by more than this while Pigeon was down waits for a person instead of being sent, in minutes.',
  }),
  PIGEON_FANOUT_CHUNK: Type.Integer({
    default: 5000,
    minimum: 1,
    maximum: 50_000,
    description: 'Contacts that become messages in one transaction when a campaign starts.',
  }),
})
