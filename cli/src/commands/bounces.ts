import { MAX_READ_OCTETS } from '@pigeon/mail/bounces/mail-parts.ts'
import { readReturnedMail } from '@pigeon/mail/bounces/read-returned-mail.ts'
import type { ReturnedMail, ReturnedRecipient } from '@pigeon/mail/bounces/returned-mail.ts'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { readStart } from '#files.ts'

export const bounces = command({
  name: 'bounces parse',
  summary: 'What mails that came back say: one JSON object a line for each file. No server is asked.',
  positionals: ['FILE...'],
  options: {},
  example: 'pigeon bounces parse Maildir/new/*',
  run: async (context, { rest: files }) => {
    for (const file of files) {
      const found = readReturnedMail(await readStart(file, MAX_READ_OCTETS))
      context.out.raw(`${JSON.stringify({ file, ...describe(found) })}\n`)
    }
    return EXIT.ok
  },
})

function describe(mail: ReturnedMail): object {
  return {
    kind: mail.kind,
    is_bounce: mail.kind === 'bounce',
    recipients: mail.recipients.map(describeRecipient),
    is_complaint: mail.kind === 'complaint',
    feedback_type: mail.feedback?.type,
    reporting_mta: mail.reportingMta,
    original_message_id: mail.original.messageId,
  }
}

function describeRecipient(found: ReturnedRecipient): object {
  return {
    recipient: found.recipient,
    original_recipient: found.originalRecipient,
    action: found.action,
    status: found.status ?? null,
    reply_code: found.replyCode ?? null,
    class: found.class,
    hard: found.hard,
    remote_mta: found.remoteMta,
    confidence: found.confidence,
    diagnostic: found.diagnostic,
  }
}
