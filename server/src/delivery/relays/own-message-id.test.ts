import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '#platform/clock.ts'
import { ownMessageId } from './own-message-id.ts'
import { postmarkApi } from './postmark.ts'
import { sendgridApi } from './sendgrid.ts'
import { sesApi } from './ses.ts'

const ID = '01990000-0000-7000-8000-00000000abcd'
const mimeOf = (messageId: string): Buffer =>
  Buffer.from(
    `From: a@sender.example\r\nTo: b@example.com\r\nSubject: Hi\r\nMessage-ID: ${messageId}\r\n\r\nMessage-ID: <no>\r\n`,
  )

test('a message of ours is known by its Message-ID, and any other is not', () => {
  assert.equal(ownMessageId(mimeOf(`<${ID}@sender.example>`)), ID)
  assert.equal(ownMessageId(mimeOf('<123@elsewhere.example>')), undefined)
  assert.equal(ownMessageId(Buffer.from(`Subject: x\r\n\r\nMessage-ID: <${ID}@x>\r\n`)), undefined)
})

test('relays that write the message anew are told its id, so that their webhooks name it', async () => {
  const clock = systemClock
  const mail = { mailFrom: '', rcptTo: 'b@example.com', mime: mimeOf(`<${ID}@sender.example>`) }
  const endpoint = new URL('https://api.example.com')
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const apis = [
    sesApi({ clock }, { endpoint, region: 'eu-west-1', credentials }),
    sendgridApi({ clock }, { endpoint, apiKey: 'k' }),
    postmarkApi({ clock }, { endpoint, serverToken: 't', messageStream: 'outbound' }),
  ]
  const told = [
    `"EmailTags":[{"Name":"pigeon_message","Value":"${ID}"}]`,
    `"custom_args":{"pigeon_message":"${ID}"}`,
    `"Metadata":{"pigeon-message":"${ID}"}`,
  ]
  for (const [n, api] of apis.entries())
    assert.ok((await api.request(mail, false)).body.includes(told[n] ?? '?'))
})
