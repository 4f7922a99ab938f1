import { CaptureTag, Liquid, LiquidError, Tag, Tokenizer, TypeGuards, UndefinedVariableError } from 'liquidjs'
import type { Context, Template, TopLevelToken } from 'liquidjs'
import { Problem } from '#platform/problem.ts'
import { escapeHtml, registerFilters, textOf } from './liquid-filters.ts'
import type { PureFilters } from './liquid-filters.ts'
import { MAX_COMPILED_CHARACTERS, MAX_LIQUID_PIECES, MAX_RENDER_MEMORY, MAX_TAG_DEPTH } from './template.ts'
import type { TemplatePart } from './template.ts'

/** LiquidJS as templates use it. HTML escapes its outputs; subject and text ("plain") do not. */
export interface LiquidEngine {
  readonly liquid: Liquid
  readonly filters: PureFilters
  /** Makes text of an output whose last filter is not a safe one. */
  readonly finish: (value: unknown) => string
}

/** `{{ ... }}` or `{% ... %}` in a source, from `begin` to before `end`, in characters. `name` is the tag's. */
export interface LiquidPiece {
  readonly begin: number
  readonly end: number
  readonly name: string | undefined
}

const FILE_TAGS = ['include', 'render', 'layout', 'block'] as const

/** Blocks that hold other tags; `end` + name closes them. */
const BLOCK_TAGS = new Set(['if', 'unless', 'for', 'case', 'capture', 'tablerow', 'comment', 'raw'])

/** Refuses, while parsing, the tags that read other files. */
class FileTag extends Tag {
  constructor(...args: ConstructorParameters<typeof Tag>) {
    super(...args)
    throw new Error(`tag "${this.name}" is not available: a template cannot read other files`)
  }

  render(): void {}
}

/** Counts captured text against the memory limit: a capture that doubles itself makes 2^n characters in n steps. */
class CountedCaptureTag extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    yield* super.render(context)
    const captured: unknown = Reflect.get(context.bottom(), this.variable)
    context.memoryLimit.use(textOf(captured).length)
  }
}

function createEngine(kind: 'html' | 'plain'): LiquidEngine {
  const finish = kind === 'html' ? escapeHtml : textOf
  const liquid = new Liquid({
    strictFilters: true,
    ownPropertyOnly: true,
    lenientIf: true,
    relativeReference: false,
    templates: {},
    outputEscape(this: { context: Context } | undefined, value: unknown) {
      const text = finish(value)
      this?.context.memoryLimit.use(text.length)
      return text
    },
    locale: 'en-US',
    timezoneOffset: 0,
    preserveTimezones: true,
    parseLimit: MAX_COMPILED_CHARACTERS,
    memoryLimit: MAX_RENDER_MEMORY,
  })
  for (const name of FILE_TAGS) liquid.registerTag(name, FileTag)
  liquid.registerTag('capture', CountedCaptureTag)
  return { liquid, filters: registerFilters(liquid, kind), finish }
}

const engines = { html: createEngine('html'), plain: createEngine('plain') } as const

/** The engine of a part of a message. */
export function engineOf(part: TemplatePart): LiquidEngine {
  return part === 'html' ? engines.html : engines.plain
}

/** Finds the Liquid pieces of a source in order; what stands between `raw` and `endraw` is none. Throws a Problem when one is not closed. */
export function findPieces(part: TemplatePart, source: string, label: string = part): readonly LiquidPiece[] {
  const { liquid } = engineOf(part)
  try {
    const tokens = new Tokenizer(source, liquid.options.operators).readTopLevelTokens(liquid.options)
    return tokens.filter(TypeGuards.isDelimitedToken).map(pieceOf)
  } catch (error) {
    throw syntaxProblem(label, error)
  }
}

function pieceOf(token: TopLevelToken): LiquidPiece {
  return { begin: token.begin, end: token.end, name: TypeGuards.isTagToken(token) ? token.name : undefined }
}

/**
 * Parses one part. Throws `templates.syntax` naming part, line and column, or a limit that it passes.
 * `label` is what the author calls the part (`mjml` for the source of the HTML).
 */
export function parsePart(part: TemplatePart, source: string, label: string = part): Template[] {
  const pieces = findPieces(part, source, label)
  if (pieces.length > MAX_LIQUID_PIECES) {
    throw new Problem(
      'invalid',
      'templates.too_many_tags',
      `The ${label} has more than ${MAX_LIQUID_PIECES} Liquid outputs and tags.`,
    )
  }
  assertShallow(label, pieces)
  try {
    return engineOf(part).liquid.parse(source)
  } catch (error) {
    throw syntaxProblem(label, error)
  }
}

function assertShallow(label: string, pieces: readonly LiquidPiece[]): void {
  let depth = 0
  for (const { name } of pieces) {
    if (name === undefined) continue
    if (BLOCK_TAGS.has(name)) depth += 1
    else if (name.startsWith('end')) depth -= 1
    if (depth > MAX_TAG_DEPTH) {
      throw new Problem(
        'invalid',
        'templates.too_deep',
        `The ${label} nests Liquid tags more than ${MAX_TAG_DEPTH} deep.`,
      )
    }
  }
}

function syntaxProblem(label: string, error: unknown): Problem {
  if (error instanceof Problem) return error
  const at = placeOf(error)
  const where = at === undefined ? '' : `, line ${at.line}, column ${at.column}`
  return new Problem(
    'invalid',
    'templates.syntax',
    `Liquid error in the ${label}${where}: ${reasonOf(error)}.`,
    {
      errors: [{ field: label, code: 'templates.syntax', message: `${reasonOf(error)}${where}` }],
      cause: error,
    },
  )
}

/** Where an error of LiquidJS happened: 1-based line and column, and the offset in characters. */
export function placeOf(
  error: unknown,
): { readonly line: number; readonly column: number; readonly offset: number } | undefined {
  if (!LiquidError.is(error)) return undefined
  const [line, column] = error.token.getPosition()
  return line === undefined || column === undefined ? undefined : { line, column, offset: error.token.begin }
}

/** The sentence of an error without the place that LiquidJS appends. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const original = LiquidError.is(error) ? error.originalError : undefined
  return (original ?? error).message.replace(/, line:\d+, col:\d+$/, '')
}

/** The name of the variable that was not defined, when that is what the error says. */
export function undefinedVariableOf(error: unknown): string | undefined {
  const isUndefined =
    LiquidError.is(error) &&
    (error.name === 'UndefinedVariableError' || error instanceof UndefinedVariableError)
  return isUndefined ? reasonOf(error).replace(/^undefined variable: /, '') : undefined
}
