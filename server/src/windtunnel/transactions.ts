import type { Conversation } from './conversation.ts'

/** What tests send when it does not matter what. */
export const FROM = 'b-1@news.example'
export const MESSAGE = 'Message-ID: <1@news.example>\r\nSubject: hello\r\n\r\nbody\r\n'

/** MAIL and RCPT; the reply to RCPT, or to MAIL when that is none to go on with. The transaction is left open. */
export async function offer(visit: Conversation, recipient: string, mailFrom = FROM): Promise<string> {
  await visit.say('RSET\r\n')
  const reply = await visit.say(`MAIL FROM:<${mailFrom}>\r\n`)
  return reply.startsWith('250') ? visit.say(`RCPT TO:<${recipient}>\r\n`) : reply
}

/** A whole transaction; the first reply that is no yes, or the last one. */
export async function send(
  visit: Conversation,
  recipient: string,
  content = MESSAGE,
  mailFrom = FROM,
): Promise<string> {
  const reply = await offer(visit, recipient, mailFrom)
  if (!reply.startsWith('250')) return reply
  await visit.say('DATA\r\n')
  return visit.say(`${content}.\r\n`)
}
