import { take, type components } from '@pigeon/sdk'
import { collect, LIMIT_OPTION, wholeNumber } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { campaignId } from '#find-by-name.ts'
import { number, table, time } from '#output.ts'

type SandboxMessage = components['schemas']['SandboxMessage']

const listSandbox = command({
  name: 'sandbox list',
  summary: 'What the windtunnel received, newest first.',
  positionals: [],
  options: {
    recipient: { type: 'string', value: 'ADDRESS', description: 'Only what this recipient got.' },
    campaign: { type: 'string', value: 'ID|latest', description: 'Only what this campaign sent.' },
    limit: LIMIT_OPTION,
  },
  example: 'pigeon sandbox list --campaign latest --limit 10',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const filter = {
      ...(values.recipient === undefined ? {} : { recipient: values.recipient }),
      ...(values.campaign === undefined ? {} : { campaign_id: await campaignId(pigeon, values.campaign) }),
    }
    const received = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/sandbox/messages', { params: { query: { ...page, ...filter } } })),
    )
    context.out.result(received, () =>
      table(
        ['number', 'received', 'provider', 'recipient', 'subject', 'bytes'],
        received.map((each) => [
          String(each.sequence),
          time(each.received_at),
          each.provider,
          each.rcpt_to.join(', '),
          each.subject ?? '',
          number(each.size_bytes),
        ]),
        ['right', 'left', 'left', 'left', 'left', 'right'],
      ),
    )
    return EXIT.ok
  },
})

const showSandbox = command({
  name: 'sandbox show',
  summary:
    'A received message: headers, text, attachments, and what an independent verifier says of its signatures.',
  positionals: ['NUMBER'],
  options: {},
  example: 'pigeon sandbox show 12',
  run: async (context, { positionals: [text] }) => {
    const path = { sequence: sequenceOf(text) }
    const message = await take(
      context.signedIn().GET('/v1/sandbox/messages/{sequence}', { params: { path } }),
    )
    context.out.result(message, () => describe(message))
    return EXIT.ok
  },
})

const sandboxSource = command({
  name: 'sandbox source',
  summary: 'A received message as it came.',
  positionals: ['NUMBER'],
  options: {},
  example: 'pigeon sandbox source 12 > message.eml',
  run: async (context, { positionals: [text] }) => {
    const path = { sequence: sequenceOf(text) }
    const source = await take(
      context
        .signedIn()
        .GET('/v1/sandbox/messages/{sequence}/raw', { params: { path }, parseAs: 'arrayBuffer' }),
    )
    const bytes = Buffer.from(source)
    if (context.out.isJson)
      context.out.result({ sequence: path.sequence, source: bytes.toString('base64') }, () => [])
    else context.out.raw(bytes)
    return EXIT.ok
  },
})

function sequenceOf(text: string): number {
  return wholeNumber('NUMBER', text, Number.MAX_SAFE_INTEGER, 0)
}

function describe(message: SandboxMessage): string[] {
  return [
    ...message.headers.map(({ name, value }) => `${name}: ${value.replaceAll(/\s+/g, ' ').trim()}`),
    '',
    ...(message.text ?? '').split(/\r?\n/),
    '',
    ...message.attachments.map(
      (each) => `Attachment ${each.filename ?? '-'} (${each.content_type}, ${number(each.size_bytes)} bytes)`,
    ),
    ...message.dkim.map((each) => `DKIM ${each.result}: ${each.domain} ${each.selector} (${each.algorithm})`),
  ]
}

export const sandbox = [listSandbox, showSandbox, sandboxSource]
