import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { freePorts } from '#roles/free-ports.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { debianProgram, listens, type PeerScope } from './debian.ts'

/** What went through the pipe before the sink. */
export interface Traffic {
  /** Packets from the client in which a command followed on another, or on a message, without waiting. */
  readonly pipelined: number
  readonly connections: number
  readonly open: number
  readonly mostOpen: number
}

export interface PostfixSmtpSink {
  /** Of the pipe to the sink. */
  readonly port: number
  traffic(): Traffic
  /** Messages that the sink says it took. Ends it. */
  accepted(): Promise<number>
}

const BACKLOG = '512'
const PIPELINED = /(?:^|\r\n)(?:\.\r\nMAIL FROM|MAIL FROM:[^\r]*\r\nRCPT TO)/

/** Postfix's own test receiver, which takes everything, behind a pipe that watches how the client speaks to it. */
export async function startPostfixSmtpSink(scope: PeerScope): Promise<PostfixSmtpSink> {
  const program = debianProgram('smtp-sink', 'postfix')
  const [sinkPort = 0] = await freePorts(1)
  const asUser = process.getuid?.() === 0 ? ['-u', 'postfix'] : []
  const sink = spawn(program, [...asUser, '-c', `127.0.0.1:${sinkPort}`, BACKLOG], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let counters = ''
  sink.stdout.on('data', (chunk: Buffer) => (counters = (counters + chunk.toString()).slice(-1_000)))
  const ended = once(sink, 'close')
  const end = async (): Promise<void> => {
    sink.kill('SIGTERM')
    await ended
  }
  scope.after(end)
  await waitFor('smtp-sink', () => listens('127.0.0.1', sinkPort))
  const pipe = await startPipe(sinkPort)
  scope.after(pipe.close)
  return {
    port: pipe.port,
    traffic: pipe.traffic,
    accepted: async () => {
      await end()
      return Number(/.*mesg=(\d+)/s.exec(counters)?.[1] ?? 'NaN')
    },
  }
}

async function startPipe(to: number) {
  const open = new Set<Socket>()
  const counts = { pipelined: 0, connections: 0, mostOpen: 0 }
  const server = createServer((client) => {
    const upstream = connect(to, '127.0.0.1')
    open.add(client)
    counts.connections += 1
    counts.mostOpen = Math.max(counts.mostOpen, open.size)
    client.on('data', (chunk: Buffer) => {
      if (PIPELINED.test(chunk.toString('latin1'))) counts.pipelined += 1
    })
    for (const event of ['end', 'close']) client.on(event, () => open.delete(client))
    for (const socket of [client, upstream]) socket.setNoDelay(true).on('error', () => undefined)
    client.pipe(upstream).pipe(client)
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The pipe has no port.')
  return {
    port: address.port,
    traffic: (): Traffic => ({ ...counts, open: open.size }),
    close: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
