import { parseArgs } from 'node:util'
import { usageFailure } from '#exit-codes.ts'
import type { Context, Globals } from '#context.ts'

export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  /** What stands for the value in the help, e.g. FILE. */
  readonly value?: string
  readonly description: string
}

type Options = Readonly<Record<string, OptionSpec>>

type Values<O extends Options> = {
  readonly [Name in keyof O]?: O[Name]['type'] extends 'boolean' ? boolean : string
}

export interface CommandSpec<O extends Options, P extends readonly string[]> {
  /** As it is typed, e.g. `campaigns send`. */
  readonly name: string
  readonly summary: string
  /** What must follow, in order, e.g. `['FILE']`; the last may be `FILE...`: one or more, all of them in `rest`. */
  readonly positionals: P
  readonly options: O
  /** Options that must be given. */
  readonly required?: readonly (keyof O & string)[]
  readonly example: string
  /** Resolves with the exit code. */
  readonly run: (
    context: Context,
    input: {
      readonly values: Values<O>
      readonly positionals: { readonly [N in keyof P]: string }
      readonly rest: readonly string[]
    },
  ) => Promise<number>
}

export interface Command {
  readonly name: string
  readonly summary: string
  help(): string
  run(args: readonly string[], open: (globals: Globals) => Promise<Context>): Promise<number>
}

const GLOBAL_OPTIONS = {
  json: { type: 'boolean', description: 'One JSON value on standard output, for machines.' },
  url: { type: 'string', value: 'URL', description: 'Address of the installation, instead of PIGEON_URL.' },
  help: { type: 'boolean', description: 'Show this.' },
} as const satisfies Options

/** A command from what it takes and what it does. Arguments are checked here, once. */
export function command<const O extends Options, const P extends readonly string[]>(
  spec: CommandSpec<O, P>,
): Command {
  const help = (): string => helpOf(spec)
  return {
    name: spec.name,
    summary: spec.summary,
    help,
    run: async (args, open) => {
      const { values, positionals } = parse(spec, args)
      if (values.help === true) {
        process.stdout.write(help())
        return 0
      }
      const missing = (spec.required ?? []).filter((name) => values[name] === undefined)
      if (missing.length > 0) throw usageFailure(`Give ${missing.map((name) => `--${name}`).join(' and ')}.`)
      if (!isWhole(spec, positionals)) throw usageFailure(wantedPositionals(spec, positionals))
      const json = values.json === true
      const context = await open(typeof values.url === 'string' ? { json, url: values.url } : { json })
      return spec.run(context, {
        // parseArgs is strict: every option has its declared type, and the count of positionals was compared above.
        values: values as Values<O>,
        positionals: positionals as unknown as { readonly [N in keyof P]: string },
        rest: positionals.slice(Math.max(0, spec.positionals.length - 1)),
      })
    },
  }
}

function parse(
  spec: { options: Options },
  args: readonly string[],
): { values: Record<string, unknown>; positionals: string[] } {
  const all: Options = { ...spec.options, ...GLOBAL_OPTIONS }
  const options = Object.fromEntries(
    Object.entries(all).map(([name, { type }]) => [name, name === 'help' ? { type, short: 'h' } : { type }]),
  )
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    return { values, positionals }
  } catch (error) {
    throw usageFailure(error instanceof Error ? error.message : String(error))
  }
}

function isWhole(spec: { positionals: readonly string[] }, given: readonly string[]): boolean {
  const isOpen = spec.positionals.at(-1)?.endsWith('...') === true
  return isOpen ? given.length >= spec.positionals.length : given.length === spec.positionals.length
}

function wantedPositionals(spec: { positionals: readonly string[] }, given: readonly string[]): string {
  const extra = given.slice(spec.positionals.length)
  if (extra.length > 0) return `${extra.map((each) => JSON.stringify(each)).join(', ')} is too much.`
  return `${spec.positionals.slice(given.length).join(' and ')} is missing.`
}

interface Described {
  readonly name: string
  readonly summary: string
  readonly positionals: readonly string[]
  readonly options: Options
  readonly required?: readonly string[]
  readonly example: string
}

function helpOf(spec: Described): string {
  const all: Options = { ...spec.options, ...GLOBAL_OPTIONS }
  const options = Object.entries(all)
  const words = options.map(
    ([name, option]) => `--${name}${option.value === undefined ? '' : ` ${option.value}`}`,
  )
  const width = Math.max(...words.map((word) => word.length))
  const required = new Set(spec.required)
  const needed = options.flatMap(([name], n) => (required.has(name) ? [words[n] ?? ''] : []))
  const lines = options.map(([, { description }], n) => `  ${(words[n] ?? '').padEnd(width)}  ${description}`)
  const usage = ['pigeon', spec.name, ...spec.positionals, ...needed, '[options]'].join(' ')
  return `${spec.summary}\n\n  ${usage}\n\n${lines.join('\n')}\n\nExample\n  ${spec.example}\n`
}
