import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

const DEADLINE_MS = 5000

/** A hand-driven SMTP client for what the windtunnel sends, and for tests: bytes out exactly as given, whole replies in. */
export interface Conversation {
  /** Writes and returns the next reply, all lines of it, without the last CRLF. Empty when the server closed. */
  readonly say: (text: string | Buffer) => Promise<string>
  readonly write: (bytes: string | Buffer) => void
  readonly reply: () => Promise<string>
  /** Upgrades after a 220 to STARTTLS. A certificate is checked when an authority is named; rejects when it is bad. */
  readonly secure: (check?: { readonly ca: string; readonly servername: string }) => Promise<void>
  /** Resolves when the server has closed or cut the connection. */
  readonly closed: () => Promise<void>
  readonly end: () => void
}

/** Connects and waits for the greeting, which `greeting` holds: empty when nobody listens there. */
export async function converse(
  host: string,
  port: number,
  localAddress?: string,
): Promise<Conversation & { greeting: string }> {
  const from = localAddress === undefined ? {} : { localAddress }
  let socket: Socket = connect({ host, port, noDelay: true, ...from })
  let received = ''
  let isClosed = false
  let wake: () => void = () => undefined
  const attach = () => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('utf8')
      wake()
    })
    for (const event of ['close', 'end', 'error']) {
      socket.on(event, () => {
        isClosed = true
        wake()
      })
    }
  }
  attach()

  const until = async (isDone: () => boolean, what: string): Promise<void> => {
    const deadline = AbortSignal.timeout(DEADLINE_MS)
    while (!isDone()) {
      await new Promise<void>((resolve, reject) => {
        wake = resolve
        deadline.onabort = () =>
          reject(new Error(`no ${what} within ${DEADLINE_MS} ms; so far: ${JSON.stringify(received)}`))
      })
    }
  }

  const reply = async (): Promise<string> => {
    let end = endOfReply(received)
    await until(() => {
      end = endOfReply(received)
      return end !== -1 || isClosed
    }, 'reply')
    const text = end === -1 ? '' : received.slice(0, end)
    received = received.slice(text.length)
    return text.trimEnd()
  }

  const conversation: Conversation = {
    say: (text) => {
      socket.write(text)
      return reply()
    },
    write: (bytes) => void socket.write(bytes),
    reply,
    secure: async (check) => {
      socket.removeAllListeners('data')
      const secured = connectTls({ socket, ...check, rejectUnauthorized: check !== undefined })
      socket = secured
      attach()
      await new Promise<void>((resolve, reject) => {
        secured.once('secureConnect', resolve)
        secured.once('error', reject)
      })
    },
    closed: () => until(() => isClosed, 'end of the connection'),
    end: () => socket.destroy(),
  }
  try {
    return { ...conversation, greeting: await reply() }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** After the first line whose code is followed by a space; -1 while it has not come. */
function endOfReply(text: string): number {
  const last = /^\d{3} .*\r\n/m.exec(text)
  return last === null ? -1 : last.index + last[0].length
}
