import { captureMessage, startCountingSinks } from '@pigeon/server/test/peers/counting-sinks.ts'
import { debianProgram, needRoot, type PeerScope } from '@pigeon/server/test/peers/debian.ts'
import { startHarakaRelay } from '@pigeon/server/test/peers/haraka-relay.ts'
import { installHaraka } from '@pigeon/server/test/peers/install-haraka.ts'
import type { MailRelay, RelayTo } from '@pigeon/server/test/peers/mail-relay.ts'
import { startPostfixRelay } from '@pigeon/server/test/peers/postfix-relay.ts'
import { createSigningKey, signatureBits, type SigningKey } from '@pigeon/server/test/peers/signing-key.ts'
import { sendFromSource } from '@pigeon/server/test/peers/smtp-source.ts'
import { cpuSecondsOf, watchMemory } from '@pigeon/server/test/process-meter.ts'
import { mebibytes, round, say, until } from './measure.ts'

const DOMAIN = 'news.bench-sender.example'
const FROM = `news@${DOMAIN}`
const TO = 'reader@inbox1.example'
const RSA_BITS = 2048
/** The header of a message from smtp-source as it arrives, with Received lines and about half of a signature. */
const HEADER_OCTETS = 640
/** Connections to Postfix, which answers before it relays. */
const POSTFIX_SESSIONS = 20
/** Haraka answers when the receiver has: as many as Postfix has to the receiver. */
const HARAKA_SESSIONS = 50
const RELAY_MS = 1_800_000
const POLL_MS = 50
const MEMORY_MS = 2_000

export interface PeerOptions {
  /** Where Haraka is, from `needPeers`. */
  readonly installed: string
  readonly messages: number
  readonly size: number
  readonly relayTo: RelayTo
  readonly warmUpMessages: number
}

type StartRelay = (scope: PeerScope, to: RelayTo, key: SigningKey | undefined) => Promise<MailRelay>

interface Measured {
  readonly perSecond: number
  readonly cpuSecondsPer1000: number
  readonly peakBytes: number
  readonly octets: number
}

/** Everything that the peers need is there afterwards, or this says what is not. Returns where Haraka is. */
export async function needPeers(): Promise<string> {
  needRoot()
  for (const program of ['smtp-sink', 'smtp-source', 'postfix']) debianProgram(program, 'postfix')
  debianProgram('opendkim', 'opendkim')
  return installHaraka(say)
}

/**
 * Other mail servers relay as many messages of the same size to the same kind of sink, one after another, without and with a signature of
 * RSA-2048 each: from the first message that is handed to them until the last is at the sink.
 */
export async function benchPeers(options: PeerOptions) {
  const key = createSigningKey(DOMAIN)
  const haraka: StartRelay = (scope, to, signing) => startHarakaRelay(scope, options.installed, to, signing)
  const measured = {
    postfix_unsigned: await measure('Postfix', startPostfixRelay, POSTFIX_SESSIONS, undefined, options),
    postfix: await measure('Postfix with OpenDKIM', startPostfixRelay, POSTFIX_SESSIONS, key, options),
    haraka_unsigned: await measure('Haraka', haraka, HARAKA_SESSIONS, undefined, options),
    haraka: await measure('Haraka with haraka-plugin-dkim', haraka, HARAKA_SESSIONS, key, options),
  }
  return {
    ...report('postfix', measured.postfix),
    ...report('postfix_unsigned', measured.postfix_unsigned),
    ...report('haraka', measured.haraka),
    ...report('haraka_unsigned', measured.haraka_unsigned),
  }
}

type Report<Name extends string> = {
  readonly [
    Key in
      | `${Name}_messages_per_second`
      | `${Name}_cpu_seconds_per_1000`
      | `${Name}_peak_pss_mib`
      | `${Name}_message_octets`
  ]: number
}

function report<Name extends string>(name: Name, measured: Measured): Report<Name> {
  return {
    [`${name}_messages_per_second`]: round(measured.perSecond),
    [`${name}_cpu_seconds_per_1000`]: round(measured.cpuSecondsPer1000, 3),
    [`${name}_peak_pss_mib`]: mebibytes(measured.peakBytes),
    [`${name}_message_octets`]: measured.octets,
    // The names above are made of `Name` as the type says.
  } as Report<Name>
}

async function measure(
  name: string,
  start: StartRelay,
  sessions: number,
  key: SigningKey | undefined,
  options: PeerOptions,
): Promise<Measured> {
  say(`Measuring ${name} ...`)
  await using stack = new AsyncDisposableStack()
  const scope: PeerScope = { after: (cleanUp) => stack.defer(cleanUp) }
  const { address, port } = options.relayTo
  const relay = await start(scope, options.relayTo, key)
  const send = (messages: number): Promise<void> =>
    sendFromSource({
      port: relay.port,
      from: FROM,
      to: TO,
      messages,
      octets: options.size - HEADER_OCTETS,
      sessions,
    })
  const message = await captureMessage(address, port, () => send(1))
  const bits = signatureBits(message)
  if (bits !== (key === undefined ? 0 : RSA_BITS))
    throw new Error(`${name} signed with ${bits} bits:\n${message.slice(0, 2_000)}`)
  const sink = await startCountingSinks([address], port)
  stack.defer(sink.stop)
  const relayed = async (messages: number): Promise<void> => {
    await Promise.all([send(messages), untilReceived(sink, messages)])
  }
  await relayed(options.warmUpMessages)
  await sink.counts({ isReset: true })
  const result = await measureRelay(relay, () => relayed(options.messages), options.messages)
  say(`  ${round(result.perSecond)} messages/s`)
  // The sink's file has line ends of one octet.
  return { ...result, octets: message.length + message.split('\n').length - 1 }
}

async function measureRelay(relay: MailRelay, send: () => Promise<void>, messages: number) {
  const cpuBefore = cpuSecondsOf(relay.pids)
  const memory = watchMemory(relay.pids, MEMORY_MS)
  const startedAt = performance.now()
  await send()
  const seconds = (performance.now() - startedAt) / 1000
  const cpuSeconds = cpuSecondsOf(relay.pids) - cpuBefore
  const { peakBytes } = memory.stop()
  return { perSecond: messages / seconds, cpuSecondsPer1000: (cpuSeconds / messages) * 1000, peakBytes }
}

async function untilReceived(
  sink: { counts(): Promise<{ received: number }> },
  messages: number,
): Promise<void> {
  await until('the relayed messages', POLL_MS, RELAY_MS, async () => {
    const { received } = await sink.counts()
    if (received > messages) throw new Error(`The sink received ${received} of ${messages} messages.`)
    return received === messages ? true : undefined
  })
}
