import { fork, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { cpuSecondsOf, watchMemory } from './process-meter.ts'

export interface RawOrder {
  readonly addresses: readonly string[]
  readonly port: number
  readonly domain: string
  readonly messages: number
  readonly connectionsPerSite: number
  readonly messagesPerConnection: number
  /** Whether commands go without waiting for the replies before them. */
  readonly isPipelined: boolean
  readonly template: { readonly subject: string; readonly html: string; readonly text: string }
  /** PEM. */
  readonly privateKey: string
}

export interface RawDone {
  readonly octets: number
}

export interface RawSettings extends Omit<RawOrder, 'addresses' | 'privateKey'> {
  /** The sites of each process. */
  readonly sites: readonly (readonly string[])[]
}

const RSA_BITS = 2048
const RUN_MS = 600_000
const MEMORY_MS = 2_000

export interface RawResult {
  /** From the first message to the last. */
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakPssBytes: number
  /** Of all messages. */
  readonly octets: number
}

/** Sends `messages` from as many processes as there are groups of sites. */
export async function sendRaw(settings: RawSettings): Promise<RawResult> {
  const { sites, ...rest } = settings
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: RSA_BITS })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const children: ChildProcess[] = sites.map(() =>
    fork(fileURLToPath(new URL('./raw-smtp-process.ts', import.meta.url)), {
      stdio: ['ignore', 2, 2, 'ipc'],
    }),
  )
  const tell = async (child: ChildProcess, message: RawOrder | 'go'): Promise<RawDone> => {
    const answered = once(child, 'message', { signal: AbortSignal.timeout(RUN_MS) })
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('A raw client has ended.')))
    child.send(message)
    // Our own child sends nothing else.
    const [done] = (await Promise.race([answered, ended])) as [RawDone]
    return done
  }
  try {
    const share = Math.floor(rest.messages / children.length)
    await Promise.all(
      children.map((child, index) => {
        const messages = index === 0 ? rest.messages - share * (children.length - 1) : share
        return tell(child, { ...rest, messages, addresses: sites[index] ?? [], privateKey: pem })
      }),
    )
    const pids = children.map(({ pid = 0 }) => pid)
    const usedBefore = cpuSecondsOf(pids)
    const memory = watchMemory(pids, MEMORY_MS)
    const startedAt = performance.now()
    const done = await Promise.all(children.map((child) => tell(child, 'go')))
    return {
      seconds: (performance.now() - startedAt) / 1000,
      cpuSeconds: cpuSecondsOf(pids) - usedBefore,
      peakPssBytes: memory.stop().peakBytes,
      octets: done.reduce((sum, { octets }) => sum + octets, 0),
    }
  } finally {
    for (const child of children) child.kill()
  }
}
