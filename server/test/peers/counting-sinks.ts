import { spawn, type ChildProcess } from 'node:child_process'
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SinkCounts, SmtpSink } from '@pigeon/server/test/smtp-sink.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { chownTo, debianProgram, endServer, listens, needRoot, peerDirectory } from './debian.ts'

const BACKLOG = '512'
/** Connections that one process serves at a time; above, they wait in the kernel. */
const MAX_CONNECTIONS = '512'
/** The last counters are within these octets of the file's end. */
const TAIL = 200
const START_MS = 10_000
/** Header, content, and the empty line that the sink puts after a message. */
const WHOLE = /\n\n[^]+\n\n$/

/**
 * Postfix's own test receiver, one process an address, which takes everything. It counts into a file, so that counting costs
 * whoever measures nothing. Needs root: it gives its rights up to the user postfix.
 */
export async function startCountingSinks(addresses: readonly string[], port: number): Promise<SmtpSink> {
  const directory = await peerDirectory('sinks')
  const sinks = await Promise.all(
    addresses.map((address) =>
      startSink(address, port, ['-c', '-m', MAX_CONNECTIONS], join(directory.path, address)),
    ),
  )
  let before = NOTHING
  async function total(): Promise<SinkCounts> {
    const all = await Promise.all(addresses.map((address) => lastCounters(join(directory.path, address))))
    return all.reduce((sum, each) => ({
      received: sum.received + each.received,
      connections: sum.connections + each.connections,
    }))
  }
  return {
    pids: sinks.map(({ pid = 0 }) => pid),
    counts: async ({ isReset } = { isReset: false }) => {
      const now = await total()
      const { received, connections } = before
      if (isReset) before = now
      return { received: now.received - received, connections: now.connections - connections }
    },
    stop: async () => {
      await Promise.all(sinks.map(endServer))
      await directory.remove()
    },
  }
}

const NOTHING: SinkCounts = { received: 0, connections: 0 }

/** What the sink was given in the time that `send` took until one message had come, as it came. */
export async function captureMessage(
  address: string,
  port: number,
  send: () => Promise<void>,
): Promise<string> {
  const directory = await peerDirectory('capture')
  await chownTo(directory.path, 'postfix')
  const sink = await startSink(
    address,
    port,
    ['-d', join(directory.path, 'message.')],
    join(directory.path, 'log'),
  )
  try {
    await send()
    return await waitFor(
      'a message at the sink',
      async () => {
        const [name] = (await readdir(directory.path)).filter((each) => each.startsWith('message.'))
        const text = name === undefined ? '' : await readFile(join(directory.path, name), 'latin1')
        return WHOLE.test(text) && withoutEnvelope(text)
      },
      START_MS,
    )
  } finally {
    await endServer(sink)
    await directory.remove()
  }
}

/** Without the lines about the envelope that the sink puts before a message. */
function withoutEnvelope(text: string): string {
  return text.replace(/^(?:X-[\w-]+:[^\n]*\n)*(?:Received:[^\n]*\n(?:[ \t][^\n]*\n)*)?/, '')
}

async function startSink(
  address: string,
  port: number,
  options: readonly string[],
  counters: string,
): Promise<ChildProcess> {
  needRoot()
  const file = await open(counters, 'w')
  const sink = spawn(
    debianProgram('smtp-sink', 'postfix'),
    ['-u', 'postfix', ...options, `${address}:${port}`, BACKLOG],
    { stdio: ['ignore', file.fd, 'inherit'] },
  )
  await file.close()
  await waitFor(`smtp-sink on ${address}`, () => listens(address, port), START_MS).catch(
    async (error: unknown) => {
      await endServer(sink)
      throw error
    },
  )
  return sink
}

async function lastCounters(path: string): Promise<SinkCounts> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL), 0, TAIL, Math.max(0, size - TAIL))
    const found = /.*sess=(\d+) quit=\d+ mesg=(\d+)\r/s.exec(buffer.toString('latin1', 0, bytesRead))
    return found === null ? NOTHING : { connections: Number(found[1]), received: Number(found[2]) }
  } finally {
    await file.close()
  }
}
