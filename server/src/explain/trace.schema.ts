import { Type } from 'typebox'
import { Nullable } from '#http/schemas.ts'
import { MessageSchema } from '#messages/messages.schema.ts'
import { WHO } from './class-advice.ts'
import { ExplanationSchema } from './explain.schema.ts'

const attempt = MessageSchema.properties.attempts_made.items.properties

export const TraceSchema = Type.Object(
  {
    ...MessageSchema.properties,
    explanation: Type.String({ description: 'What became of it in plain language, with the fix.' }),
    advice: Nullable(
      Type.Object(
        {
          class: Type.String(),
          what: Type.String(),
          who: Type.Enum([...WHO], { description: 'Who can put it right.' }),
          fix: Type.String(),
          page: Nullable(Type.String({ description: 'Where the removal from a list is asked for.' })),
        },
        { description: 'For the last refusal.' },
      ),
    ),
    attempts_made: Type.Array(
      Type.Object({
        ...attempt,
        source: Type.String(),
        class: Type.String(),
        phase: Nullable(
          Type.String({ description: 'The step that was refused: connect, mail, rcpt, body …' }),
        ),
        rule: Nullable(
          Type.Object(
            { set: Type.String(), id: Type.String(), class: Type.String(), source: Type.String() },
            { description: 'By which the reply is read, and where its wording stands.' },
          ),
        ),
        meaning: Type.String(),
      }),
    ),
    way: Nullable(ExplanationSchema),
  },
  { $id: 'MessageTrace' },
)
