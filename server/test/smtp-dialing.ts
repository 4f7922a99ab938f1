import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import { systemClock } from '#platform/clock.ts'
import {
  openConnection,
  type ConnectionOptions,
  type OpenResult,
  type SmtpConnection,
} from '#delivery/transport/smtp-connection.ts'
import type { Transaction } from '#delivery/transport/smtp-transaction.ts'
import { createTranscript } from '#delivery/transport/transcript.ts'
import type { OutgoingMessage, SendResult, SmtpTimeouts } from '#delivery/transport/transport.ts'
import {
  startScriptedSmtp,
  type ScriptedAnswer,
  type ScriptedEvent,
  type ScriptedSmtp,
  type ScriptedSmtpOptions,
  type ScriptedVerb,
} from './scripted-smtp.ts'

export const LONG: SmtpTimeouts = {
  connectMs: 5_000,
  bannerMs: 5_000,
  ehloMs: 5_000,
  tlsMs: 5_000,
  mailMs: 5_000,
  rcptMs: 5_000,
  dataMs: 5_000,
  blockMs: 5_000,
  dotMs: 5_000,
  quitMs: 5_000,
}
export const SHORT_MS = 60

/** Short waits everywhere, for servers of which nothing is expected. */
export const SHORT: SmtpTimeouts = {
  ...LONG,
  bannerMs: SHORT_MS,
  ehloMs: SHORT_MS,
  tlsMs: SHORT_MS,
  mailMs: SHORT_MS,
  rcptMs: SHORT_MS,
  dataMs: SHORT_MS,
  dotMs: SHORT_MS,
}

/** A short wait for one step alone: the others must succeed, however slow the machine is. */
export function shortAt(verb: ScriptedVerb): SmtpTimeouts {
  const step = STEPS[verb]
  return step === undefined ? LONG : { ...LONG, [step]: SHORT_MS }
}

const STEPS: Partial<Record<ScriptedVerb, keyof SmtpTimeouts>> = {
  BANNER: 'bannerMs',
  EHLO: 'ehloMs',
  MAIL: 'mailMs',
  RCPT: 'rcptMs',
  DATA: 'dataMs',
  CONTENT: 'dotMs',
}

export async function scriptedServer(
  t: TestContext,
  options: ScriptedSmtpOptions = {},
): Promise<ScriptedSmtp> {
  const one = await startScriptedSmtp(options)
  t.after(() => one.close())
  return one
}

export function dial(
  one: { readonly port: number },
  more: Partial<ConnectionOptions> = {},
): Promise<OpenResult> {
  return openConnection({
    host: 'mx.test.example',
    address: '127.0.0.1',
    port: one.port,
    ehloName: 'client.example',
    tls: 'none',
    timeouts: LONG,
    clock: systemClock,
    ...more,
  })
}

export async function connected(
  t: TestContext,
  one: ScriptedSmtp,
  more: Partial<ConnectionOptions> = {},
): Promise<SmtpConnection> {
  const opened = await dial(one, more)
  assert.equal(opened.kind, 'open', opened.kind === 'failed' ? opened.transcript : '')
  if (opened.kind !== 'open') throw new Error('not open')
  t.after(() => opened.connection.destroy('the test is over'))
  return opened.connection
}

export interface Attempt extends Transaction {
  readonly results: SendResult[]
  givenBack: number
}

export function attempt(
  rcptTo: string,
  more: Partial<OutgoingMessage> & { content?: string; journal?: () => Promise<void> } = {},
): Attempt {
  const { content, journal, ...message } = more
  const results: SendResult[] = []
  const one: Attempt = {
    results,
    givenBack: 0,
    message: {
      mailFrom: 'news@sender.example',
      rcptTo,
      data: dotStuff(Buffer.from(content ?? `Subject: to ${rcptTo}\r\n\r\n.dot\r\nend\r\n`)),
      beforeFinalDot: journal ?? (() => Promise.resolve()),
      ...message,
    },
    transcript: createTranscript(),
    settle: (result) => void results.push(result),
    giveBack: () => {
      one.givenBack += 1
      return true
    },
  }
  return one
}

export async function send(connection: SmtpConnection, ...attempts: Attempt[]): Promise<SendResult[]> {
  const left = [...attempts]
  await connection.run(() => left.shift())
  for (const one of attempts) assert.ok(one.results.length <= 1, 'a message is answered once')
  return attempts.flatMap((one) => one.results)
}

/** The same, and what is given back is sent again. */
export async function sendAgain(connection: SmtpConnection, ...attempts: Attempt[]): Promise<SendResult[]> {
  const left: Transaction[] = attempts.map((one) => ({
    ...one,
    giveBack() {
      left.unshift(this)
      return one.giveBack()
    },
  }))
  await connection.run(() => left.shift())
  return attempts.flatMap((one) => one.results)
}

/** `reply dot 250`, `timeout mail`, `broken dot in doubt`: a result in words. */
export function inWords(result: SendResult | undefined): string {
  if (result === undefined) return 'nothing'
  if (result.kind === 'reply') return `reply ${result.phase} ${result.reply.code}`
  if (result.kind === 'unsent') return `unsent ${result.reason}`
  if (result.kind === 'answer') return `answer ${result.verdict}`
  return `${result.kind} ${result.phase}${result.dotSent ? ' in doubt' : ''}`
}

export function at(
  verb: ScriptedVerb,
  said: ScriptedAnswer,
  count = 1,
): (event: ScriptedEvent) => ScriptedAnswer {
  return (event) => (event.verb === verb && event.count === count ? said : undefined)
}
