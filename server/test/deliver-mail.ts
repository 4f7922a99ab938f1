import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import { converse } from '#windtunnel/conversation.ts'

export interface MailToDeliver {
  readonly port: number
  /** Empty: the null sender. */
  readonly from?: string
  readonly to: string
  readonly content: string
}

/** Gives one mail to an SMTP server on this machine, as another server does, and returns the reply that ended it. */
export async function deliverMail({ port, from = '', to, content }: MailToDeliver): Promise<string> {
  const visitor = await converse('127.0.0.1', port)
  try {
    await visitor.say('EHLO mx.receiver.example\r\n')
    await visitor.say(`MAIL FROM:<${from}>\r\n`)
    const taken = await visitor.say(`RCPT TO:<${to}>\r\n`)
    if (!taken.startsWith('250')) return taken
    await visitor.say('DATA\r\n')
    return await visitor.say(dotStuff(Buffer.from(content)))
  } finally {
    visitor.end()
  }
}
