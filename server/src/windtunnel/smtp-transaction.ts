import type { Authentication } from './authenticate.ts'
import { hasBareLineFeed } from '@pigeon/mail/bare-line-feed.ts'
import { createDataReader } from './data-reader.ts'
import { domainOf } from './judge.ts'
import { complain, hangUp, later, object, resetTransaction, say } from './smtp-state.ts'
import type { ReceivedMessage, SessionState } from './smtp-state.ts'

const MAX_MESSAGES_PER_SESSION = 10_000

export function mail(state: SessionState, address: string, parameters: ReadonlyMap<string, string>): void {
  if (!state.hasGreeted) return complain(state, '503 5.5.1 EHLO or HELO first\r\n')
  if (state.mailFrom !== undefined) return complain(state, '503 5.5.1 Nested MAIL command\r\n')
  if (state.messages >= MAX_MESSAGES_PER_SESSION)
    return hangUp(state, '421 4.7.0 Too many messages on this connection\r\n')
  if (Number(parameters.get('SIZE') ?? 0) > state.deps.behaviour.habits.max_message_bytes)
    return object(state, 'too_big')
  const isUtf8 = parameters.has('SMTPUTF8') && state.words.takesUtf8
  if (!isUtf8 && !isAscii(address)) return complain(state, '553 5.6.7 Non-ASCII address without SMTPUTF8\r\n')
  const refusal = state.deps.behaviour.judge({
    kind: 'mail',
    ip: state.io.ip,
    mailFrom: address,
    served: servedLoudly(state),
  })
  if (refusal !== undefined) return object(state, refusal, { domain: domainOf(address) })
  state.mailFrom = address
  state.isUtf8 = isUtf8
  say(state, state.words.mailOk)
}

export function recipient(state: SessionState, address: string): void {
  const { mailFrom } = state
  if (mailFrom === undefined) return complain(state, '503 5.5.1 MAIL first\r\n')
  if (!state.isUtf8 && !isAscii(address))
    return complain(state, '553 5.6.7 Non-ASCII address without SMTPUTF8\r\n')
  if (state.recipients.length >= state.deps.behaviour.habits.recipients_per_message) {
    return say(state, '452 4.5.3 Too many recipients\r\n')
  }
  const refusal = state.deps.behaviour.judge({
    kind: 'recipient',
    ip: state.io.ip,
    mailFrom,
    recipient: address,
  })
  if (refusal !== undefined) return later(state, () => object(state, refusal, { recipient: address }))
  state.recipients.push(address)
  later(state, () => say(state, state.words.rcptOk))
}

export function data(state: SessionState): void {
  if (state.mailFrom === undefined) return complain(state, '503 5.5.1 MAIL first\r\n')
  if (state.recipients.length === 0) return say(state, '554 5.5.1 No valid recipients\r\n')
  state.data = createDataReader(state.deps.behaviour.habits.max_message_bytes)
  say(state, state.words.goAhead)
}

export function endOfData(state: SessionState, content: Buffer | undefined): void {
  const { behaviour } = state.deps
  const { ip } = state.io
  const { mailFrom = '', recipients: rcptTo } = state
  resetTransaction(state)
  state.messages += 1
  if (content === undefined) return object(state, 'too_big')
  if (behaviour.habits.refuses_bare_lf && hasBareLineFeed(content)) {
    return say(state, '550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds\r\n')
  }
  const message: ReceivedMessage = {
    provider: behaviour.profile.name,
    mailFrom,
    rcptTo,
    tls: state.isTls,
    ip,
    content,
    keepRaw: behaviour.habits.keep_raw,
  }
  if (behaviour.habits.requires_authentication === 'nothing')
    return decide(state, message, { from: '', isSpfAligned: true, isDkimAligned: true })
  state.isWaiting = true
  void decideLater(state, message)
}

async function decideLater(state: SessionState, message: ReceivedMessage): Promise<void> {
  const { ip, mailFrom, content } = message
  const authentication = await state.deps.authenticate({ ip, mailFrom, content })
  state.isWaiting = false
  if (state.isClosed) return
  decide(state, message, authentication)
  state.pump()
}

function decide(state: SessionState, message: ReceivedMessage, authentication: Authentication): void {
  const { habits } = state.deps.behaviour
  const { ip, mailFrom, rcptTo: recipients } = message
  const { from, isSpfAligned, isDkimAligned } = authentication
  const isAuthentic =
    habits.requires_authentication === 'both' ? isSpfAligned && isDkimAligned : isSpfAligned || isDkimAligned
  const verdict = state.deps.behaviour.judgeContent({ ip, mailFrom, recipients, isAuthentic })
  if (verdict === undefined) return acceptMessage(state, message)
  if (verdict !== 'cut') return object(state, verdict, { recipient: recipients[0] ?? '', from })
  state.deps.count('cut')
  state.isClosed = true
  if (!habits.keep_cut_messages) return state.io.cut()
  state.deps.accept(message, () => state.io.cut())
}

/** A provider that closes without a word does so after the last reply, never at MAIL. */
function servedLoudly(state: SessionState): number {
  return state.deps.behaviour.habits.closes_silently ? 0 : state.messages
}

function isUsedUp(state: SessionState): boolean {
  const { closes_silently, messages_per_connection: limit } = state.deps.behaviour.habits
  return closes_silently && limit > 0 && state.messages >= limit
}

/** The message is in the store before the 250 is sent: what we said we have, we have. */
function acceptMessage(state: SessionState, message: ReceivedMessage): void {
  state.isWaiting = true
  state.deps.accept(message, (error, sequence) => {
    state.isWaiting = false
    if (state.isClosed) return
    if (error === undefined) {
      state.deps.count('accepted')
      const reply = state.words.accepted(sequence)
      if (isUsedUp(state)) return hangUp(state, reply)
      say(state, reply)
    } else {
      say(state, '452 4.3.1 Insufficient system storage\r\n')
    }
    state.pump()
  })
}

function isAscii(text: string): boolean {
  return !/[^\x00-\x7f]/.test(text)
}
