import { readFile, readdir, stat } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { Problem } from '#platform/problem.ts'
import type { FieldError } from '#platform/problem.ts'
import { NOTHING_AFTERWARDS } from './afterwards/afterwards.schema.ts'
import type { Afterwards } from './afterwards/afterwards.schema.ts'
import { HabitsSchema } from './habits.schema.ts'
import type { Habits } from './habits.schema.ts'
import { ProfileFileSchema, REPLY } from './profile.schema.ts'
import type { ProfileFile } from './profile.schema.ts'
import { SITUATIONS } from './profile.ts'
import type { Profile, ReplyTemplate, Situation } from './profile.ts'

const BUILT_IN = fileURLToPath(new URL('./profiles/', import.meta.url))
const MAX_FILES = 200
const MAX_FILE_BYTES = 256 * 1024
/** A profile may be like another, which is like a third, so many times. */
const MAX_LIKENESS = 8

const validator = Compile(ProfileFileSchema)

interface Source {
  /** Without its directory: what a message about it says. */
  readonly file: string
  readonly profile: ProfileFile
  /** The one of the same name that it replaces: `like` its own name means that one. */
  readonly replaced: Source | undefined
}

/**
 * Every simulated provider, by name: those of Pigeon and those of `directory`, which add to them or replace them. Throws
 * a Problem that names each bad file and field. Facts as seen from outside: host names, codes and words servers use.
 */
export async function loadProfiles(directory?: string): Promise<readonly Profile[]> {
  const errors: FieldError[] = []
  const sources = new Map<string, Source>()
  for (const place of directory === undefined ? [BUILT_IN] : [BUILT_IN, directory]) {
    const found = new Map<string, Source>()
    for (const file of await filesOf(place)) {
      const profile = await readProfile(file, errors)
      if (profile === undefined) continue
      const twin = found.get(profile.name)
      if (twin !== undefined) errors.push(bad(file, '/name', `is taken by ${twin.file}`))
      found.set(profile.name, { file: basename(file), profile, replaced: sources.get(profile.name) })
    }
    for (const [name, source] of found) sources.set(name, source)
  }
  const profiles = [...sources.values()]
    .toSorted((a, b) => (a.profile.name < b.profile.name ? -1 : 1))
    .flatMap((source) => complete(source, sources, errors) ?? [])
  checkAddresses(sources, errors)
  if (errors.length === 0 && profiles.every(({ weight }) => weight === 0))
    errors.push(
      bad('profiles', '/weight', 'is 0 everywhere: nobody would host the domains that nobody names'),
    )
  if (errors.length > 0) throw badProfiles(errors)
  return profiles
}

async function filesOf(directory: string): Promise<string[]> {
  let names: string[]
  try {
    names = await readdir(directory)
  } catch (error) {
    throw new Problem(
      'invalid',
      'windtunnel.bad_profile',
      `The directory of profiles ${directory} cannot be read. Set PIGEON_WINDTUNNEL_PROFILES to one that can.`,
      { cause: error },
    )
  }
  const files = names.filter((name) => name.endsWith('.json')).toSorted()
  if (files.length <= MAX_FILES) return files.map((name) => join(directory, name))
  throw new Problem('limited', 'windtunnel.bad_profile', `${directory} has more than ${MAX_FILES} profiles.`)
}

async function readProfile(path: string, errors: FieldError[]): Promise<ProfileFile | undefined> {
  let value: unknown
  try {
    if ((await stat(path)).size > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES} bytes`)
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    errors.push(bad(path, '', `cannot be read: ${error instanceof Error ? error.message : String(error)}`))
    return undefined
  }
  if (validator.Check(value)) return value
  for (const { instancePath, message } of Value.Errors(ProfileFileSchema, value))
    errors.push(bad(path, instancePath, message))
  return undefined
}

/** What a file leaves out comes from the one it is like, and so on; undefined when something is missing at the end. */
function complete(
  source: Source,
  sources: ReadonlyMap<string, Source>,
  errors: FieldError[],
): Profile | undefined {
  const { file, profile } = source
  const line = lineOf(source, sources)
  if (line === undefined) {
    errors.push(bad(file, '/like', 'leads to no profile, or in a circle'))
    return undefined
  }
  // From the most distant to the file itself: what comes later stands.
  const merged: Partial<ProfileFile> = Object.assign({}, ...line)
  const spoken: Partial<Record<Situation, string>> = Object.assign({}, ...line.map(({ words }) => words))
  const habits: unknown = Object.assign({}, ...line.map((each) => each.habits))
  const gentle: unknown = Object.assign({}, ...line.flatMap((each) => [each.habits, each.gentle]))
  const words = wordsOf(spoken)
  const { host, banner, capabilities, accepted } = merged
  const isWhole =
    host !== undefined && banner !== undefined && capabilities !== undefined && accepted !== undefined
  if (!isWhole || words === undefined || !isHabits(habits) || !isHabits(gentle)) {
    errors.push(
      bad(file, '', 'is not complete: let it be `like` another, or give it everything that plain.json has'),
    )
    return undefined
  }
  return {
    name: profile.name,
    knownAs: profile.known_as ?? profile.name,
    address: profile.address,
    domains: profile.domains.map((domain) => domain.toLowerCase()),
    weight: profile.weight ?? 0,
    ownMx: profile.own_mx,
    hostedMx: profile.hosted_mx ?? profile.own_mx,
    hostSuffixes: profile.host_suffixes,
    host,
    banner,
    capabilities,
    accepted,
    words,
    habits,
    gentleHabits: gentle,
    afterwards: line.reduce<Afterwards>((sum, each) => ({ ...sum, ...each.afterwards }), NOTHING_AFTERWARDS),
  }
}

function lineOf(source: Source, sources: ReadonlyMap<string, Source>): ProfileFile[] | undefined {
  const line = [source.profile]
  for (let at = source; at.profile.like !== undefined;) {
    const { like, name } = at.profile
    const next = like === name ? at.replaced : sources.get(like)
    if (next === undefined || line.length > MAX_LIKENESS) return undefined
    line.unshift(next.profile)
    at = next
  }
  return line
}

function wordsOf(spoken: Partial<Record<Situation, string>>): Record<Situation, ReplyTemplate> | undefined {
  const templates = new Map(SITUATIONS.map((situation) => [situation, parseReply(spoken[situation])]))
  const words: Partial<Record<Situation, ReplyTemplate>> = Object.fromEntries(templates)
  return isSpoken(words) ? words : undefined
}

function isSpoken(
  words: Partial<Record<Situation, ReplyTemplate>>,
): words is Record<Situation, ReplyTemplate> {
  return SITUATIONS.every((situation) => words[situation] !== undefined)
}

/** `550 5.1.1 No such user` taken apart; undefined for what is not a refusal. */
export function parseReply(text: string | undefined): ReplyTemplate | undefined {
  const [, code, status = '', rest = ''] = REPLY.exec(text ?? '') ?? []
  return code === undefined ? undefined : { code: Number(code), status, lines: rest.split('\n') }
}

function isHabits(value: unknown): value is Habits {
  return Value.Check(HabitsSchema, value)
}

function checkAddresses(sources: ReadonlyMap<string, Source>, errors: FieldError[]): void {
  const taken = new Map<string, string>()
  const owned = new Map<string, string>()
  for (const { file, profile } of sources.values()) {
    const { address, domains } = profile
    const twin = taken.get(address)
    if (!isIPv4(address)) errors.push(bad(file, '/address', 'is no IPv4 address'))
    else if (twin !== undefined) errors.push(bad(file, '/address', `${address} is taken by ${twin}`))
    taken.set(address, file)
    for (const domain of domains) {
      const owner = owned.get(domain)
      if (owner !== undefined && owner !== file)
        errors.push(bad(file, '/domains', `${domain} is taken by ${owner}`))
      owned.set(domain, file)
    }
  }
}

function bad(path: string, field: string, message: string): FieldError {
  const at = field === '' ? basename(path) : `${basename(path)}${field}`
  return { field: at, code: 'windtunnel.bad_profile', message: `${at} ${message}.` }
}

function badProfiles(errors: readonly FieldError[]): Problem {
  const told = errors.map(({ message }) => message).join(' ')
  return new Problem(
    'invalid',
    'windtunnel.bad_profile',
    `Profiles of the windtunnel are not usable: ${told}`,
    {
      errors,
    },
  )
}
