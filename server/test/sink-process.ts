import { createServer, type Socket } from 'node:net'
import type { SinkCounts, SinkOrder } from './smtp-sink.ts'

/**
 * Takes every message as fast as one process can: PIPELINING, no TLS, nothing stored. It counts messages by their
 * envelope sender, which is different for every message, so that a second copy is seen.
 */
const seen = new Set<string>()
let received = 0
let octets = 0
let connections = 0
let replyToMail = '250 2.1.0 Ok'

const GREETING = '220 sink.example ESMTP\r\n'
const EHLO = '250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n'
const END = Buffer.from('\r\n.\r\n')
const MAX_LINE = 4096

function isOk(reply: string): boolean {
  return reply.startsWith('2')
}

function serve(socket: Socket): void {
  connections += 1
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  let rest: Buffer = Buffer.alloc(0)
  /** Octets of the content that have passed; -1: reading commands. */
  let content = -1
  let sender = ''

  function command(line: string): string {
    const verb = line.slice(0, 4).toUpperCase()
    if (verb === 'MAIL') {
      sender = line.slice(line.indexOf('<') + 1, line.indexOf('>'))
      return `${replyToMail}\r\n`
    }
    if (verb === 'DATA' && !isOk(replyToMail)) return '503 5.5.1 No recipients\r\n'
    if (verb === 'DATA') {
      content = 0
      return '354 End data with <CR><LF>.<CR><LF>\r\n'
    }
    if (verb === 'EHLO') return EHLO
    if (verb === 'QUIT') return '221 2.0.0 Bye\r\n'
    return '250 2.0.0 Ok\r\n'
  }

  /** The end of the content in `rest`, or -1. */
  function contentEnd(): number {
    // The line end of DATA itself counts as the one before a dot that stands first.
    if (content === 0 && rest.subarray(0, 3).equals(END.subarray(2))) return -2
    return rest.indexOf(END)
  }

  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let out = ''
    for (;;) {
      if (content >= 0) {
        const end = contentEnd()
        if (end === -1) {
          const passed = Math.max(0, rest.length - END.length + 1)
          content += passed
          rest = rest.subarray(passed)
          break
        }
        octets += content + end + END.length
        received += 1
        seen.add(sender)
        content = -1
        rest = rest.subarray(end + END.length)
        out += `250 2.0.0 Ok: queued as ${received.toString(16)}\r\n`
        continue
      }
      const end = rest.indexOf('\r\n')
      if (end === -1) {
        if (rest.length > MAX_LINE) socket.destroy()
        break
      }
      const line = rest.toString('latin1', 0, end)
      rest = rest.subarray(end + 2)
      out += command(line)
      if (line.toUpperCase() === 'QUIT') {
        socket.end(out)
        return
      }
    }
    if (out !== '') socket.write(out)
  })
  socket.write(GREETING)
}

process.on('disconnect', () => process.exit(0))
process.on('message', (order: SinkOrder) => {
  if (order.kind === 'listen') {
    replyToMail = order.refusal ?? replyToMail
    const listening = order.addresses.map(
      (address) =>
        new Promise<void>((resolve, reject) => {
          createServer(serve).once('error', reject).listen(order.port, address, resolve)
        }),
    )
    void Promise.all(listening).then(() => answer())
    return
  }
  answer()
  if (order.kind === 'counts' && order.isReset) {
    seen.clear()
    received = octets = connections = 0
  }
})

function answer(): void {
  process.send?.({ received, duplicates: received - seen.size, octets, connections } satisfies SinkCounts)
}
