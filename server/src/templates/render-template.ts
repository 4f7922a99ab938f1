import type { Template } from 'liquidjs'
import { Problem } from '#platform/problem.ts'
import { buildFastPath } from './fast-path.ts'
import type { FastRender } from './fast-path.ts'
import { engineOf, findPieces, parsePart, placeOf, reasonOf, undefinedVariableOf } from './liquid-engine.ts'
import type { TemplateData, TemplateValue } from './render-data.ts'
import {
  MAX_RENDERED_CHARACTERS,
  MAX_RENDERED_SUBJECT_CHARACTERS,
  MAX_RENDER_MEMORY,
  RENDER_TIME_MS,
} from './template.ts'
import type { CompiledTemplate, RenderedTemplate, TemplatePart } from './template.ts'

/** `preview` refuses undefined variables and may take a second; `send` puts the declared default, else nothing. */
export type RenderMode = keyof typeof RENDER_TIME_MS

/** A template parsed once, to render for many recipients. */
export interface PreparedTemplate {
  readonly subject: PreparedPart
  readonly html: PreparedPart
  readonly text: PreparedPart
  readonly defaults: readonly VariableDefault[]
}

/** One parsed part. `fast` is absent when only LiquidJS can render it. */
export interface PreparedPart {
  readonly part: TemplatePart
  readonly source: string
  readonly templates: Template[]
  readonly fast: FastRender | undefined
  readonly lines: readonly number[] | undefined
}

interface VariableDefault {
  readonly path: readonly string[]
  readonly value: TemplateValue
}

/** Parses the parts of a compiled template, once per campaign. Throws a Problem when one is not valid Liquid. */
export function prepareTemplate(compiled: CompiledTemplate): PreparedTemplate {
  return {
    subject: preparePart('subject', compiled.subject),
    html: preparePart('html', compiled.html, compiled.lines.html),
    text: preparePart('text', compiled.text, compiled.lines.text),
    defaults: compiled.variables.flatMap(({ name, default: value }) => {
      if (value === undefined) return []
      const path = name.split('.')
      return path.length === 1
        ? [
            { path, value },
            { path: ['contact', name], value },
          ]
        : [{ path, value }]
    }),
  }
}

function preparePart(part: TemplatePart, source: string, lines?: readonly number[]): PreparedPart {
  const templates = parsePart(part, source)
  return { part, source, templates, fast: buildFastPath(engineOf(part), templates), lines }
}

/**
 * Renders a message for one recipient. Synchronous: called for every message sent.
 * Throws `templates.undefined_variable` (preview only), `templates.too_slow`, `templates.too_large`, or
 * `templates.render_failed`, each naming the part and the line of the author's source.
 */
export function render(
  prepared: PreparedTemplate,
  data: TemplateData,
  { mode }: { mode: RenderMode },
): RenderedTemplate {
  const scope = withDefaults(data, prepared.defaults, mode)
  return {
    subject: oneLine(renderPart(prepared.subject, scope, mode)),
    html: renderPart(prepared.html, scope, mode),
    text: renderPart(prepared.text, scope, mode),
  }
}

/** Renders one part: with closures when it can, else with LiquidJS, which alone knows what is undefined. */
function renderPart(part: PreparedPart, scope: object, mode: RenderMode): string {
  if (mode === 'preview' || part.fast === undefined) return interpretPart(part, scope, mode)
  try {
    return part.fast(scope)
  } catch (error) {
    throw renderProblem(part, error)
  }
}

/**
 * Renders one part with LiquidJS within the limits of the mode. LiquidJS counts time on the wall, and a busy machine can
 * stop the process for longer than a message may take: before a message fails for that, it gets one try with the time of a
 * preview.
 */
export function interpretPart(part: PreparedPart, scope: object, mode: RenderMode): string {
  try {
    return interpret(part, scope, mode, RENDER_TIME_MS[mode])
  } catch (error) {
    const problem = renderProblem(part, error)
    if (mode === 'preview' || problem.code !== 'templates.too_slow') throw problem
  }
  try {
    return interpret(part, scope, mode, RENDER_TIME_MS.preview)
  } catch (error) {
    throw renderProblem(part, error)
  }
}

function interpret(part: PreparedPart, scope: object, mode: RenderMode, timeMs: number): string {
  const rendered: unknown = engineOf(part.part).liquid.renderSync(part.templates, scope, {
    strictVariables: mode === 'preview',
    renderLimit: timeMs,
    memoryLimit: MAX_RENDER_MEMORY,
  })
  if (typeof rendered !== 'string' || rendered.length > MAX_RENDERED_CHARACTERS)
    throw new Error('memory alloc limit exceeded')
  return rendered
}

/** RFC 5322 2.2: a header has no bare line ends, so whatever the data holds the subject is one line. */
function oneLine(subject: string): string {
  const line = subject.replace(/\s*[\u0000-\u001f\u007f\u0085\u2028\u2029]+\s*/g, ' ').trim()
  if (line.length > MAX_RENDERED_SUBJECT_CHARACTERS) {
    throw new Problem(
      'invalid',
      'templates.too_large',
      `The rendered subject is longer than ${MAX_RENDERED_SUBJECT_CHARACTERS} characters.`,
    )
  }
  return line
}

/**
 * Puts declared defaults where the data has nothing: null or '' in both modes, so that a preview shows what is sent;
 * a variable that is not in the data at all only when sending, because a preview must name it.
 */
function withDefaults(data: TemplateData, defaults: readonly VariableDefault[], mode: RenderMode): object {
  let scope: TemplateData = data
  for (const { path, value } of defaults) scope = withDefault(scope, path, value, mode)
  return scope
}

function withDefault(
  data: TemplateData,
  [name, ...rest]: readonly string[],
  value: TemplateValue,
  mode: RenderMode,
): TemplateData {
  if (name === undefined) return data
  const given = Object.hasOwn(data, name) ? data[name] : undefined
  if (rest.length > 0) {
    if (!isRecord(given)) return data
    const inner = withDefault(given, rest, value, mode)
    return inner === given ? data : { ...data, [name]: inner }
  }
  const isAbsent = given === null || given === '' || (given === undefined && mode === 'send')
  return isAbsent ? { ...data, [name]: value } : data
}

function isRecord(
  value: TemplateValue | undefined,
): value is { readonly [name: string]: TemplateValue | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function renderProblem(part: PreparedPart, error: unknown): Problem {
  const where = `${part.part}, line ${sourceLineOf(part, error)}`
  const variable = undefinedVariableOf(error)
  const refusal = variable === undefined ? limitRefusal(error, where) : undefinedRefusal(variable, where)
  return new Problem('invalid', refusal.code, refusal.message, {
    errors: [{ field: part.part, ...refusal }],
    cause: error,
  })
}

interface Refusal {
  readonly code: string
  readonly message: string
}

function undefinedRefusal(variable: string, where: string): Refusal {
  const message = `The variable "${variable}" is not defined (${where}). Give it a value, or write {{ ${variable} | default: "..." }}.`
  return { code: 'templates.undefined_variable', message }
}

function limitRefusal(error: unknown, where: string): Refusal {
  const reason = reasonOf(error)
  if (reason === 'template render limit exceeded') {
    return {
      code: 'templates.too_slow',
      message: `The template takes too long to render (${where}). Make its loops shorter.`,
    }
  }
  if (reason === 'memory alloc limit exceeded' || reason === 'Invalid string length') {
    return {
      code: 'templates.too_large',
      message: `The template makes more than a message can hold (${where}). Make its loops or values shorter.`,
    }
  }
  return {
    code: 'templates.render_failed',
    message: `The template cannot be rendered (${where}): ${reason}.`,
  }
}

/** The line in what the author wrote: compiling moves lines, so it is looked up by counting Liquid pieces. */
function sourceLineOf(part: PreparedPart, error: unknown): number {
  const place = placeOf(error)
  if (place === undefined) return 1
  if (part.lines === undefined) return place.line
  const index = findPieces(part.part, part.source).findLastIndex((piece) => piece.begin <= place.offset)
  return part.lines[index] ?? place.line
}
