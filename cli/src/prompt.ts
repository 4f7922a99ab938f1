import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'

/** Asks on the terminal; what is typed is shown. */
export async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await terminal.question(question)).trim()
  } finally {
    terminal.close()
  }
}

/** Asks on the terminal without showing what is typed. */
export async function askSecret(question: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true })
  process.stderr.write(question)
  try {
    return await terminal.question('')
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}

export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** Standard input to its end, without the final line break. */
export async function readStdin(): Promise<string> {
  return (await textOf(process.stdin)).replace(/\r?\n$/, '')
}
