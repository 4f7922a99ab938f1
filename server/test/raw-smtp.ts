import { fork, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { measureTree } from './process-meter.ts'

export interface RawOrder {
  readonly addresses: readonly string[]
  readonly port: number
  readonly domain: string
  readonly messages: number
  readonly connectionsPerSite: number
  readonly messagesPerConnection: number
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

/** Sends `messages` from as many processes as there are groups of sites; `seconds` from the first to the last. */
export async function sendRaw(settings: RawSettings): Promise<{ seconds: number; cpuSeconds: number }> {
  const { sites, ...rest } = settings
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: RSA_BITS })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const children: ChildProcess[] = sites.map(() =>
    fork(fileURLToPath(new URL('./raw-smtp-process.ts', import.meta.url)), {
      stdio: ['ignore', 2, 2, 'ipc'],
    }),
  )
  const tell = async (child: ChildProcess, message: RawOrder | 'go'): Promise<void> => {
    const answered = once(child, 'message', { signal: AbortSignal.timeout(RUN_MS) })
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('A raw client has ended.')))
    child.send(message)
    await Promise.race([answered, ended])
  }
  try {
    const share = Math.floor(rest.messages / children.length)
    await Promise.all(
      children.map((child, index) => {
        const messages = index === 0 ? rest.messages - share * (children.length - 1) : share
        return tell(child, { ...rest, messages, addresses: sites[index] ?? [], privateKey: pem })
      }),
    )
    const used = (): number =>
      children.reduce((sum, { pid = 0 }) => sum + (measureTree(pid, 'raw')[0]?.cpuSeconds ?? 0), 0)
    const usedBefore = used()
    const startedAt = performance.now()
    await Promise.all(children.map((child) => tell(child, 'go')))
    return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: used() - usedBefore }
  } finally {
    for (const child of children) child.kill()
  }
}
