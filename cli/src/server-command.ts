import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from '#command.ts'
import { EXIT, Failure } from '#exit-codes.ts'

const MAIN = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url))

const ANSWER_MS = 30_000
const ANSWER_BYTES = 65_536

/** A command of the server itself, on this machine: it is started as a process, with the arguments as they are. */
export function serverCommand(spec: { name: string; summary: string; example: string }): Command {
  const help = (): string =>
    `${spec.summary}\n\n  pigeon ${spec.name} [options]\n\nExample\n  ${spec.example}\n`
  return {
    name: spec.name,
    summary: spec.summary,
    help,
    run: async (args) => {
      if (args.includes('--help') || args.includes('-h')) {
        process.stdout.write(help())
        return EXIT.ok
      }
      if (!existsSync(MAIN))
        throw new Failure(`pigeon ${spec.name} needs the server's files, and ${MAIN} is not there.`)
      return start([...spec.name.split(' '), ...args])
    },
  }
}

/** What a command of the server says, when its files are on this machine; undefined when they are not, or it says no. */
export async function askServer(args: readonly string[]): Promise<string | undefined> {
  if (!existsSync(MAIN)) return undefined
  return new Promise((resolve) => {
    const options = { timeout: ANSWER_MS, maxBuffer: ANSWER_BYTES }
    execFile(process.execPath, [MAIN, ...args], options, (_error, stdout) =>
      resolve(stdout === '' ? undefined : stdout),
    )
  })
}

function start(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'inherit' })
    // The server ends its work first; it is told once, by us or by the terminal.
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, pass)
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? EXIT.failed))
  })
}
