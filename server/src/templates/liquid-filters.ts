import { Context, filters as liquidFilters, toValue } from 'liquidjs'
import type { FilterImplOptions, Liquid } from 'liquidjs'
import { MAX_LIST_ELEMENTS, MAX_RENDERED_CHARACTERS, MAX_RENDER_MEMORY } from './template.ts'

/** A filter without state: what it answers depends on its arguments only, so both ways of rendering share it. */
export type PureFilter = (value: unknown, ...args: readonly unknown[]) => unknown

/** Formatted dates that are kept, and the longest value with its format among them, in characters. */
const MAX_REMEMBERED_DATES = 1_000
const MAX_REMEMBERED_CHARACTERS = 100

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
}

const CHARACTERS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ENTITIES).map(([character, entity]) => [entity, character]),
)

/** Filters of LiquidJS that stay off: their time grows without its limits noticing (`*_exp`, `search`), or they nest lists. */
const REFUSED_FILTERS = /^(push|unshift|search|.*_exp)$/

/** The text of a value as Liquid writes it: nothing for nil, lists run together. Throws when it would be longer than a message may be. */
export function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : textOfOther(toValue(value))
  if (text.length > MAX_RENDERED_CHARACTERS) throw new Error('memory alloc limit exceeded')
  return text
}

function textOfOther(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return value
  if (Array.isArray(value)) {
    assertSmall(value)
    return value.map(textOf).join('')
  }
  // Attributes are JSON from outside: an own `toString` in them must neither run nor throw.
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '[object Object]'
}

/** Escapes the five characters that mean something in HTML, in text and in attributes. */
export function escapeHtml(value: unknown): string {
  const text = textOf(value)
  return /[&<>"']/.test(text)
    ? text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
    : text
}

function isMissing(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === false ||
    ((typeof value === 'string' || Array.isArray(value)) && value.length === 0)
  )
}

function defaultTo(value: unknown, fallback: unknown, ...options: readonly unknown[]): unknown {
  const given = toValue(value)
  const allowFalse = options.some(
    (option) => Array.isArray(option) && option[0] === 'allow_false' && Boolean(option[1]),
  )
  return isMissing(given) && !(given === false && allowFalse) ? fallback : given
}

/**
 * The filters of the fast path, the same functions in LiquidJS. `escape` and its kin mark their output as safe, so that
 * `{{ x | escape }}` is escaped once.
 */
const PURE_FILTERS: Readonly<Record<string, PureFilter>> = {
  default: defaultTo,
  upcase: (value) => textOf(value).toUpperCase(),
  downcase: (value) => textOf(value).toLowerCase(),
  capitalize: (value) => {
    const text = textOf(value)
    return text.charAt(0).toUpperCase() + text.slice(1).toLowerCase()
  },
  url_encode: (value) => encodeURIComponent(textOf(value).toWellFormed()).replaceAll('%20', '+'),
}

const SAFE_FILTERS: Readonly<Record<string, PureFilter>> = {
  raw: textOf,
  escape: escapeHtml,
  xml_escape: escapeHtml,
  escape_once: (value) =>
    escapeHtml(textOf(value).replace(/&(?:amp|lt|gt|#34|#39);/g, (entity) => CHARACTERS[entity] ?? entity)),
  newline_to_br: (value) => escapeHtml(value).replace(/\r?\n/g, '<br />\n'),
}

/** The pure filters of an engine by name, and whether their output is safe, i.e. is not escaped again. */
export type PureFilters = ReadonlyMap<string, { readonly apply: PureFilter; readonly safe: boolean }>

/**
 * Gives the engine its filters: LiquidJS's own minus the refused ones, each answering lists of bounded size, then the
 * pure ones. In text that is not HTML `escape` and `newline_to_br` change nothing, so that a text part made from HTML
 * has no entities.
 */
export function registerFilters(liquid: Liquid, kind: 'html' | 'plain'): PureFilters {
  for (const [name, filter] of Object.entries(liquidFilters)) {
    if (REFUSED_FILTERS.test(name)) liquid.unregisterFilter(name)
    else liquid.registerFilter(name, bounded(filter))
  }
  const pure = new Map<string, { apply: PureFilter; safe: boolean }>()
  for (const [name, apply] of Object.entries(PURE_FILTERS)) pure.set(name, { apply, safe: false })
  for (const [name, apply] of Object.entries(SAFE_FILTERS))
    pure.set(name, { apply: kind === 'html' ? apply : textOf, safe: true })
  pure.set('strip', { apply: fromLiquid(liquid, 'strip'), safe: false })
  pure.set('date', { apply: remembering(fromLiquid(liquid, 'date')), safe: false })
  for (const [name, { apply, safe }] of pure) {
    liquid.registerFilter(name, {
      raw: safe,
      handler: (value: unknown, ...args: readonly unknown[]) => apply(value, ...args),
    })
  }
  return pure
}

/** A filter of LiquidJS that needs options and limits but no data. */
function fromLiquid(liquid: Liquid, name: 'strip' | 'date'): PureFilter {
  const handler = handlerOf(liquidFilters[name])
  return (value, ...args) => {
    const context = new Context({}, liquid.options, { sync: true, memoryLimit: MAX_RENDER_MEMORY })
    return Reflect.apply(handler, { context, liquid }, [value, ...args])
  }
}

/**
 * Formatting a date takes 50 microseconds, most of it in Intl, and a campaign writes the same few dates: answers for
 * short texts are kept. `now` and `today` differ from call to call.
 */
function remembering(filter: PureFilter): PureFilter {
  const answers = new Map<string, unknown>()
  return (value, ...args) => {
    const [format] = args
    const isShort =
      typeof value === 'string' &&
      typeof format === 'string' &&
      args.length === 1 &&
      value.length + format.length < MAX_REMEMBERED_CHARACTERS
    if (!isShort || value === 'now' || value === 'today') return filter(value, ...args)
    const key = `${format}\n${value}`
    const known = answers.get(key)
    if (known !== undefined) return known
    const answer = filter(value, format)
    if (answers.size >= MAX_REMEMBERED_DATES) answers.clear()
    answers.set(key, answer)
    return answer
  }
}

function handlerOf(filter: FilterImplOptions | undefined): (...args: never[]) => unknown {
  if (filter === undefined) throw new Error('LiquidJS misses a filter that templates rely on.')
  return typeof filter === 'function' ? filter : filter.handler
}

function bounded(filter: FilterImplOptions): FilterImplOptions {
  const handler = handlerOf(filter)
  return {
    raw: typeof filter !== 'function' && filter.raw,
    *handler(...args: unknown[]): Generator<unknown, unknown, unknown> {
      const answer = yield Reflect.apply(handler, this, args)
      if (Array.isArray(answer)) assertSmall(answer)
      return answer
    },
  }
}

/** Counts elements in depth: lists that contain the same list many times take no memory, but exponential time to walk. */
function assertSmall(list: readonly unknown[]): void {
  let left = MAX_LIST_ELEMENTS
  const pending: unknown[][] = [[...list]]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    left -= next.length
    if (left < 0) throw new Error('memory alloc limit exceeded')
    for (const element of next) if (Array.isArray(element)) pending.push(element)
  }
}
