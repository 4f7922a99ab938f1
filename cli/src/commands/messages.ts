import { take, type components } from '@pigeon/sdk'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { traceText } from '#explanation-text.ts'
import { checkedId } from '#find-by-name.ts'
import { time } from '#output.ts'

type Message = components['schemas']['Message']

const showMessage = command({
  name: 'messages show',
  summary: 'A message: its state, its timeline, and every attempt with the SMTP transcript.',
  positionals: ['ID'],
  options: {},
  example: 'pigeon messages show 0199f2d4-7a10-7c3e-8b1a-5f3f0a2f9c11',
  run: async (context, { positionals: [text] }) => {
    const id = checkedId('a message', text)
    const message = await take(context.signedIn().GET('/v1/messages/{id}', { params: { path: { id } } }))
    context.out.result(message, () => describe(message))
    return EXIT.ok
  },
})

const traceMessage = command({
  name: 'messages trace',
  summary: 'What became of a message and why, what was said at each attempt, and what to do.',
  positionals: ['ID'],
  options: {},
  example: 'pigeon messages trace 0199f2d4-7a10-7c3e-8b1a-5f3f0a2f9c11',
  run: async (context, { positionals: [text] }) => {
    const id = checkedId('a message', text)
    const pigeon = context.signedIn()
    const trace = await take(pigeon.GET('/v1/messages/{id}/trace', { params: { path: { id } } }))
    context.out.result(trace, () => traceText(trace))
    return EXIT.ok
  },
})

function describe(message: Message): string[] {
  return [
    `${message.recipient}: ${message.state}${message.in_doubt ? ' (in doubt: it may have arrived before)' : ''}`,
    `  id        ${message.id}`,
    `  campaign  ${message.campaign_id ?? '-'}`,
    `  provider  ${message.provider}`,
    `  attempts  ${message.attempts}`,
    `  reply     ${message.reply ?? '-'}`,
    '',
    'Timeline',
    ...message.timeline.map(
      ({ at, type, attempt, reply }) => `  ${time(at)}  ${type.padEnd(10)}  ${attempt}  ${reply}`,
    ),
    ...message.attempts_made.flatMap((attempt) => [
      '',
      `Attempt ${attempt.attempt}: ${attempt.outcome} at ${attempt.mx_host} (${attempt.mx_ip})${attempt.tls ? ', TLS' : ''}`,
      ...attempt.transcript
        .trimEnd()
        .split(/\r?\n/)
        .map((line) => `  ${line}`),
    ]),
  ]
}

export const messages = [showMessage, traceMessage]
