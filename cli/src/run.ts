import { PigeonError } from '@pigeon/sdk'
import type { Command } from '#command.ts'
import { COMMANDS } from '#commands.ts'
import { createContext } from '#context.ts'
import { EXIT, Failure } from '#exit-codes.ts'
import { printable, type Streams } from '#output.ts'
import type { Settings } from '#settings.ts'

const SIGN_IN = 'Run pigeon login, or set PIGEON_API_KEY.'

/** Runs one command line and resolves with its exit code. What went wrong is a sentence on standard error. */
export async function run(args: readonly string[], settings: Settings, streams: Streams): Promise<number> {
  const found = findCommand(args)
  if (found === undefined) return showCommands(args, streams)
  const { command, rest } = found
  try {
    return await command.run(rest, (globals) => createContext(settings, streams, globals))
  } catch (error) {
    const { lines, code } = explain(error)
    const more = code === EXIT.usage ? [`pigeon ${command.name} --help shows how it is used.`] : []
    if (code === EXIT.notSignedIn && command.name !== 'login') more.push(SIGN_IN)
    streams.stderr.write(`${[...lines, ...more].map(printable).join('\n')}\n`)
    return code
  }
}

/** Two words before one: `lists create` is a command, and so is `login`. */
function findCommand(args: readonly string[]): { command: Command; rest: readonly string[] } | undefined {
  for (const words of [2, 1]) {
    const name = args.slice(0, words).join(' ')
    const command = COMMANDS.find((each) => each.name === name)
    if (command !== undefined) return { command, rest: args.slice(words) }
  }
  return undefined
}

/** `pigeon`, `pigeon --help`, `pigeon campaigns`, or something that is no command. */
function showCommands(args: readonly string[], streams: Streams): number {
  const [first] = args.filter((arg) => !arg.startsWith('-') && arg !== 'help')
  const group = COMMANDS.filter(({ name }) => name.split(' ')[0] === first)
  const isAsked = args.some((arg) => arg === '--help' || arg === '-h' || arg === 'help')
  const text = overview(group.length > 0 ? group : COMMANDS)
  if (isAsked && (first === undefined || group.length > 0)) {
    streams.stdout.write(text)
    return EXIT.ok
  }
  const words = args.filter((arg) => !arg.startsWith('-')).join(' ')
  const complaint =
    words === '' || (words === first && group.length > 0)
      ? ''
      : `There is no command "${printable(words)}".\n\n`
  streams.stderr.write(complaint + text)
  return EXIT.usage
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const lines = commands.map(({ name, summary }) => `  pigeon ${name.padEnd(width)}  ${summary}`)
  return `${lines.join('\n')}\n\nEach has --help with an example. Exit codes: 0 ok, 1 refused or failed, 2 wrong usage,\n3 server not reachable, 4 not signed in. Settings: PIGEON_URL, PIGEON_API_KEY.\n`
}

/** A sentence and an exit code for everything that can go wrong. */
export function explain(error: unknown): { lines: string[]; code: number } {
  if (error instanceof Failure) return { lines: [error.message], code: error.exitCode }
  if (!(error instanceof PigeonError)) {
    return { lines: [String(error instanceof Error ? error.stack : error)], code: EXIT.failed }
  }
  if (error.status === 0) return { lines: [error.message], code: EXIT.unreachable }
  // A single field's sentence is often the whole refusal: it is said once.
  const fields = error.errors
    .filter(({ message }) => !error.message.includes(message))
    .map(({ field, message }) => `  ${field}: ${message}`)
  return { lines: [error.message, ...fields], code: error.status === 401 ? EXIT.notSignedIn : EXIT.failed }
}
