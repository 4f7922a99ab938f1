import { commandMail, commandRcpt, dotStuff } from '@pigeon/mail/smtp-data.ts'
import { converse } from '#windtunnel/conversation.ts'

export interface MailBack {
  /** Loopback address and port of the server that takes it. */
  readonly host: string
  readonly port: number
  /** The provider's address, from which it comes. */
  readonly localAddress: string
  readonly helo: string
  /** Empty: the null sender. */
  readonly from: string
  readonly to: string
  readonly content: string
}

/** How an attempt ended: `again` for what may work another time, `refused` for what will not. */
export type Ending = 'done' | 'again' | 'refused'

/** One attempt to give a mail to a server, as other servers do (RFC 5321). Rejects when that one says nothing for too long. */
export async function deliverBack(mail: MailBack, signal: AbortSignal): Promise<Ending> {
  const visitor = await converse(mail.host, mail.port, mail.localAddress)
  const leave = () => visitor.end()
  signal.addEventListener('abort', leave, { once: true })
  const steps: readonly (string | Buffer)[] = [
    `EHLO ${mail.helo}\r\n`,
    commandMail(mail.from),
    commandRcpt(mail.to),
    'DATA\r\n',
    dotStuff(Buffer.from(mail.content)),
  ]
  try {
    let reply = visitor.greeting
    for (const step of steps) {
      if (!isYes(reply)) return endingOf(reply)
      reply = await visitor.say(step)
    }
    return endingOf(reply)
  } finally {
    signal.removeEventListener('abort', leave)
    visitor.end()
  }
}

function isYes(reply: string): boolean {
  return /^[23]/.test(reply)
}

function endingOf(reply: string): Ending {
  if (isYes(reply)) return 'done'
  return reply.startsWith('5') ? 'refused' : 'again'
}
