import { createDkimSigner } from '@pigeon/mail/dkim.ts'
import { commandMail, commandRcpt } from '@pigeon/mail/smtp-data.ts'
import { createPrivateKey, randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { composeMessage, prepareContent, type CampaignContent } from '#delivery/compose.ts'
import { compileSource } from '#templates/compile-source.ts'
import type { RawDone, RawOrder } from './raw-smtp.ts'

/** Composed before the clock starts. */
const WARM_UP_MESSAGES = 1_000

/**
 * The least that sending can cost: render, write, sign once with RSA, and speak SMTP with everything pipelined. No
 * database, no journal, no retries, no transcript. Without pipelining, to compare, each command waits for its reply.
 */
process.on('disconnect', () => process.exit(0))
process.once('message', (order: RawOrder) => void run(order))

async function run(order: RawOrder): Promise<void> {
  const compiled = await compileSource({ ...order.template, variables: [] })
  const { domain, privateKey } = order
  const content = prepareContent({
    tenantId: randomUUID(),
    campaignId: randomUUID(),
    campaignName: 'Raw',
    listId: randomUUID(),
    messageClass: 'bulk',
    from: { email: `news@${domain}`, name: 'News' },
    replyTo: undefined,
    subject: null,
    compiled,
    signer: createDkimSigner({
      domain,
      keys: [{ selector: 'raw', algorithm: 'rsa-sha256', privateKey: createPrivateKey(privateKey) }],
    }),
  })
  for (let number = 0; number < WARM_UP_MESSAGES; number++) compose(content, domain, number)
  process.once('message', () => void sendAll(order, content))
  process.send?.({ octets: 0 } satisfies RawDone)
}

async function sendAll(order: RawOrder, content: CampaignContent): Promise<void> {
  let left = order.messages
  let octets = 0
  const take = (): Message | undefined => {
    if (left === 0) return undefined
    left -= 1
    const message = compose(content, order.domain, left)
    octets += message.data.length
    return message
  }
  const lines = order.addresses.flatMap((address) =>
    Array.from({ length: order.connectionsPerSite }, async () => {
      while (await converse(order, address, take));
    }),
  )
  await Promise.all(lines)
  process.send?.({ octets } satisfies RawDone)
}

interface Message {
  /** MAIL, RCPT and DATA, each a line. */
  readonly commands: readonly string[]
  readonly data: Buffer
}

function compose(content: CampaignContent, domain: string, number: number): Message {
  const messageId = randomUUID()
  const recipient = `person.${number}@${domain}`
  const composed = composeMessage(
    content,
    {
      messageId,
      recipient,
      firstName: 'Käthe',
      lastName: 'Müller',
      attributes: { city: 'Halle (Saale)', plan: 'free', signup_date: '2024-01-01' },
      unsubscribeUrl: `https://${domain}/u/${messageId}`,
    },
    new Date(),
  )
  if (composed.kind === 'failed') throw new Error(composed.error)
  return {
    commands: [commandMail(`bounces+${messageId}@${domain}`), commandRcpt(recipient), 'DATA\r\n'],
    data: composed.data,
  }
}

interface Turn {
  readonly octets: string | Buffer
  /** Replies that must come before the next turn. */
  readonly replies: number
}

/** What a client says after the greeting: a message's content and the next one's commands at once, or each by itself. */
function* turns(isPipelined: boolean, take: () => Message | undefined): Generator<Turn, undefined> {
  yield { octets: 'EHLO raw.example\r\n', replies: 1 }
  let message = take()
  if (isPipelined && message !== undefined) yield allCommands(message)
  while (message !== undefined) {
    const { commands, data } = message
    if (!isPipelined) for (const command of commands) yield { octets: command, replies: 1 }
    message = take()
    if (!isPipelined || message === undefined) yield { octets: data, replies: 1 }
    else {
      const next = allCommands(message)
      yield { octets: Buffer.concat([data, Buffer.from(next.octets, 'latin1')]), replies: 1 + next.replies }
    }
  }
}

function allCommands({ commands }: Message): { octets: string; replies: number } {
  return { octets: commands.join(''), replies: commands.length }
}

/** One connection until it has served its messages. Resolves with whether there may be more to send. */
function converse(order: RawOrder, address: string, take: () => Message | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port: order.port, noDelay: true })
    let served = 0
    const script = turns(order.isPipelined, () => {
      if (served === order.messagesPerConnection) return undefined
      served += 1
      return take()
    })
    /** The greeting is the first. */
    let wanted = 1
    let text = ''

    function advance(): void {
      const { value: turn } = script.next()
      if (turn === undefined) {
        socket.end('QUIT\r\n')
        resolve(served === order.messagesPerConnection)
        return
      }
      wanted = turn.replies
      socket.write(turn.octets)
    }

    socket.setEncoding('latin1')
    socket.on('error', reject)
    socket.on('data', (chunk: string) => {
      text += chunk
      for (let at = text.indexOf('\r\n'); at >= 0; at = text.indexOf('\r\n')) {
        const line = text.slice(0, at)
        text = text.slice(at + 2)
        if (line[3] === '-') continue
        if (line >= '4') reject(new Error(line))
        wanted -= 1
        if (wanted === 0) advance()
      }
    })
  })
}
