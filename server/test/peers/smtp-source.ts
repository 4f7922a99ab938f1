import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { debianProgram } from './debian.ts'

const run = promisify(execFile)
const RUN_MS = 900_000

export interface SourceOrder {
  readonly port: number
  readonly from: string
  readonly to: string
  readonly messages: number
  /** Of each message's content; the header is not counted. */
  readonly octets: number
  /** Connections, each kept for many messages. */
  readonly sessions: number
}

/** Postfix's own test sender. Resolves when the server on this port of loopback has accepted every message. */
export async function sendFromSource(order: SourceOrder): Promise<void> {
  const { port, from, to, messages, octets, sessions } = order
  const counts = ['-s', String(Math.min(sessions, messages)), '-m', String(messages), '-l', String(octets)]
  await run(
    debianProgram('smtp-source', 'postfix'),
    ['-d', ...counts, '-f', from, '-t', to, `127.0.0.1:${port}`],
    { timeout: RUN_MS },
  )
}
