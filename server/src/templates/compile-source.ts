import juice from 'juice'
import mjml2html from 'mjml'
import { Problem } from '#platform/problem.ts'
import type { FieldError } from '#platform/problem.ts'
import { parsePart } from './liquid-engine.ts'
import { shieldLiquid } from './shield-liquid.ts'
import type { ShieldedSource } from './shield-liquid.ts'
import { MAX_COMPILED_CHARACTERS } from './template.ts'
import type { CompiledTemplate, TemplateSource } from './template.ts'
import { textFromHtml } from './text-part.ts'

/** How many errors of an MJML source are named at once. */
const MAX_NAMED_ERRORS = 10

/**
 * MJML to HTML, CSS into style attributes, text from HTML. Runs in the compile worker only: a hostile source can keep it
 * busy for minutes or exhaust its memory. Reads no file and opens no connection.
 * Throws a Problem naming the line of the author's source.
 */
export async function compileSource(source: TemplateSource): Promise<CompiledTemplate> {
  parsePart('subject', source.subject)
  const content = source.mjml ?? source.html
  if (source.text !== undefined) parsePart('text', source.text)
  if (content === undefined) {
    return {
      subject: source.subject,
      html: '',
      text: source.text ?? '',
      variables: source.variables,
      lines: {},
    }
  }
  const label = source.mjml === undefined ? 'html' : 'mjml'
  parsePart('html', content, label)
  const shielded = shieldLiquid(content, label)
  const markup = label === 'html' ? shielded.text : await compileMjml(shielded)
  const inlined = inlineCss(shielded, markup, label)
  assertNothingLost(shielded, inlined, label)
  const html = shielded.restore(inlined)
  assertSize(html.text)
  parsePart('html', html.text)
  const { subject, variables } = source
  if (source.text !== undefined)
    return { subject, html: html.text, text: source.text, variables, lines: { html: html.lines } }
  const text = generatedText(shielded, inlined)
  return {
    subject,
    html: html.text,
    text: text.text,
    variables,
    lines: { html: html.lines, text: text.lines },
  }
}

async function compileMjml(shielded: ShieldedSource): Promise<string> {
  const include = /<mj-include\b/i.exec(shielded.text)
  if (include !== null) {
    const line = shielded.sourceLineOf(shielded.text.slice(0, include.index).split('\n').length)
    throw mjmlProblem([{ line, reason: 'mj-include is not available: a template cannot read other files' }])
  }
  const { html, errors } = await parseMjml(shielded.text)
  // Liquid may stand in an attribute (a colour, a width): its value is known at rendering only.
  const real = errors.filter((error) => !shielded.mentions(error.message))
  if (real.length > 0) {
    throw mjmlProblem(
      real.map(({ line, tagName, message }) => ({
        line: shielded.sourceLineOf(line),
        reason: `${tagName}: ${message.trim()}`,
      })),
    )
  }
  return withoutIndentation(html)
}

async function parseMjml(text: string): Promise<Awaited<ReturnType<typeof mjml2html>>> {
  try {
    // Soft validation reports errors instead of throwing; all of them are refused above. No fonts are fetched from elsewhere.
    return await mjml2html(text, { validationLevel: 'soft', ignoreIncludes: true, fonts: {} })
  } catch (error) {
    throw mjmlProblem(
      [{ line: 1, reason: (error instanceof Error ? error.message : String(error)).replace(/\.$/, '') }],
      error,
    )
  }
}

function mjmlProblem(
  errors: readonly { readonly line: number; readonly reason: string }[],
  cause?: unknown,
): Problem {
  const named = errors.slice(0, MAX_NAMED_ERRORS).map(({ line, reason }): FieldError => ({
    field: 'mjml',
    code: 'templates.mjml_invalid',
    message: `line ${line}: ${reason}`,
  }))
  return new Problem(
    'invalid',
    'templates.mjml_invalid',
    `The MJML is not valid: ${named.map((error) => error.message).join('; ')}.`,
    { errors: named, cause },
  )
}

/** MJML indents its output by up to 40 blanks a line: a quarter of every message sent, and nothing that a reader sees. */
function withoutIndentation(html: string): string {
  if (/<pre\b|<textarea\b|white-space:\s*(pre|break-spaces)/i.test(html)) return html
  return html.replace(/\n[ \t]+/g, '\n').replace(/\n{2,}/g, '\n')
}

/**
 * The CSS of `<style>` goes into the elements. A `<style>` with Liquid tags cannot be split into rules and stays as it is;
 * so do the resets that MJML puts first, which would make a message a third larger. MJML's `<style>`s are kept as well.
 */
function inlineCss(shielded: ShieldedSource, html: string, kind: 'html' | 'mjml'): string {
  const marked = html.replace(
    /<style\b([^>]*)>([^]*?)<\/style>/gi,
    (element, attributes: string, css: string) => {
      const isReset = kind === 'mjml' && css.trimStart().startsWith('#outlook a')
      return isReset || shielded.holdsTag(css) ? `<style data-embed${attributes}>${css}</style>` : element
    },
  )
  return juice(marked, { removeStyleTags: kind === 'html', preserveImportant: true })
}

function assertNothingLost(shielded: ShieldedSource, html: string, label: string): void {
  const [lost] = shielded.missingFrom(html)
  if (lost === undefined) return
  const advice =
    label === 'mjml'
      ? 'Between MJML elements, write it inside <mj-raw>.'
      : 'It stands where HTML or CSS has no place for it.'
  const message = `${lost.source.slice(0, 80)} on line ${lost.line} of the ${label} would be lost. ${advice}`
  throw new Problem('invalid', 'templates.liquid_lost', message, {
    errors: [{ field: label, code: 'templates.liquid_lost', message }],
  })
}

function assertSize(html: string): void {
  if (html.length > MAX_COMPILED_CHARACTERS) {
    throw new Problem(
      'too_large',
      'templates.too_large',
      `The compiled HTML is longer than ${MAX_COMPILED_CHARACTERS} characters.`,
    )
  }
}

function generatedText(
  shielded: ShieldedSource,
  html: string,
): { readonly text: string; readonly lines: readonly number[] } {
  const generated = shielded.restore(textFromHtml(shielded, html))
  try {
    parsePart('text', generated.text)
  } catch (cause) {
    const message =
      'No text part can be made from this HTML: its Liquid tags open and close inside different elements. Write a text part.'
    throw new Problem('invalid', 'templates.text_needed', message, {
      errors: [{ field: 'text', code: 'templates.text_needed', message }],
      cause,
    })
  }
  return generated
}
