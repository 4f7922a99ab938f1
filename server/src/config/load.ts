import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import type { Static, TObject } from 'typebox'
import { Check } from 'typebox/value'
import { Problem, type FieldError } from '#platform/problem.ts'
import { sections as allSections } from './sections.ts'
import { choicesOf, settingsOf, type Setting } from './setting.ts'

/** Variables as the process or a file has them. */
export type Environment = Readonly<Record<string, string | undefined>>

type Merged<Sections extends readonly TObject[]> = Sections extends readonly [
  infer First extends TObject,
  ...infer Rest extends readonly TObject[],
]
  ? Static<First> & Merged<Rest>
  : unknown

export type ConfigOf<Sections extends readonly TObject[]> = Readonly<Merged<Sections>>

const PREFIX = 'PIGEON_'
/** Set by the test harness for its own processes. */
const TEST_PREFIX = 'PIGEON_TEST_'
const FILES = ['.env', 'pigeon.env']

/**
 * The settings of `sections`, typed, checked and frozen. An empty variable counts as one that is not set. Throws one
 * Problem('invalid', 'config.invalid') that lists every wrong, missing and unknown setting; a secret's value is never in it.
 */
export function loadConfig<const Sections extends readonly TObject[]>(
  sections: Sections,
  env: Environment,
): ConfigOf<Sections> {
  const errors: FieldError[] = unknownVariables(env)
  const values: Record<string, unknown> = {}
  for (const setting of sections.flatMap(settingsOf)) {
    const read = readSetting(setting, env[setting.name])
    if (!read.ok) errors.push(read.error)
    else if (read.value !== undefined) values[setting.name] = read.value
  }
  if (errors.length > 0) throw refusal(errors)
  // Each value was checked against the schema that the type is made from.
  return Object.freeze(values) as ConfigOf<Sections>
}

/**
 * The environment of the process over the files `pigeon.env` and `.env` of `directory` (in this order), as far as they exist.
 * Throws Problem('invalid', 'config.unreadable') for a file that is there and cannot be read.
 */
export function readEnvironment(directory: string, env: Environment): Environment {
  return Object.assign({}, ...FILES.map((name) => readFile(join(directory, name))), withoutUnset(env))
}

function readFile(path: string): Environment {
  try {
    return parseEnv(readFileSync(path, 'utf8'))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return {}
    throw new Problem(
      'invalid',
      'config.unreadable',
      `The settings file ${path} cannot be read (${String(code)}). Correct its permissions or remove it.`,
      { cause: error },
    )
  }
}

/** `PIGEON_X=` in the environment must not hide the file's value: an empty variable is one that is not set. */
function withoutUnset(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
}

type Read =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: FieldError }

function readSetting(setting: Setting, given: string | undefined): Read {
  const text = given?.trim() ?? ''
  if (text === '') {
    if (!setting.isRequired) return { ok: true, value: frozen(setting.default) }
    return refuse(setting, 'config.required', `is not set. Allowed: ${setting.allowed}.`)
  }
  const value = coerce[setting.kind](text, setting)
  if (value !== undefined && Check(setting.schema, value)) return { ok: true, value: frozen(value) }
  return refuse(setting, 'config.not_allowed', `is ${shown(setting, text)}. Allowed: ${setting.allowed}.`)
}

function refuse(setting: Setting, code: string, sentence: string): Read {
  return { ok: false, error: { field: setting.name, code, message: `${setting.name} ${sentence}` } }
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
}

/** The text as the type of the setting, or `undefined` when it is none. */
const coerce: Readonly<Record<Setting['kind'], (text: string, setting: Setting) => unknown>> = {
  text: (text) => text,
  integer: (text) => (/^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined),
  boolean: (text) => BOOLEANS[text.toLowerCase()],
  choice: (text, setting) => choicesOf(setting.schema).find((choice) => choice === text.toLowerCase()),
  list: (text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
}

function frozen(value: unknown): unknown {
  return Array.isArray(value) ? Object.freeze([...value]) : value
}

const LONGEST_SHOWN = 80

function shown(setting: Setting, text: string): string {
  if (setting.isSecret) return `a secret of ${text.length} characters (not shown)`
  return JSON.stringify(text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text)
}

function refusal(errors: readonly FieldError[]): Problem {
  const what = errors.length === 1 ? 'One setting is wrong' : `${errors.length} settings are wrong`
  const lines = errors.map((error) => `  ${error.message}`)
  return new Problem(
    'invalid',
    'config.invalid',
    `${what}:\n${lines.join('\n')}\nAll settings are in docs/reference/configuration.md.`,
    { errors },
  )
}

function unknownVariables(env: Environment): FieldError[] {
  const known = Object.values(allSections).flatMap((section) => Object.keys(section.properties))
  const isUnknown = (name: string): boolean => !known.includes(name) && !name.startsWith(TEST_PREFIX)
  const given = Object.keys(env).filter((name) => name.startsWith(PREFIX) && env[name] !== undefined)
  const names = given.filter(isUnknown)
  return names.toSorted().map((name) => {
    const near = nearest(name, known)
    const hint = near === undefined ? 'Remove it.' : `Did you mean ${near}?`
    const field = name.slice(0, LONGEST_NAME)
    return { field, code: 'config.unknown', message: `${field} is not a setting of Pigeon. ${hint}` }
  })
}

/** The known name with the fewest edits, if they are few enough to be a slip of the hand. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const far = Math.max(3, Math.floor((name.length - PREFIX.length) / 3))
  const [best] = known
    .map((candidate) => ({ candidate, edits: editDistance(name, candidate) }))
    .filter(({ edits }) => edits <= far)
    .toSorted((a, b) => a.edits - b.edits)
  return best?.candidate
}

const LONGEST_NAME = 100

/** Levenshtein distance, one row at a time; cut at `LONGEST_NAME` so that a hostile name costs nothing. */
export function editDistance(a: string, b: string): number {
  const [left, right] = [a.slice(0, LONGEST_NAME), b.slice(0, LONGEST_NAME)]
  let row = Array.from({ length: right.length + 1 }, (_, at) => at)
  for (const [i, letter] of left.split('').entries()) {
    const next = [i + 1]
    for (const [j, other] of right.split('').entries()) {
      const change = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
