import { Problem } from '#platform/problem.ts'
import {
  MAX_HTML_CHARACTERS,
  MAX_MJML_CHARACTERS,
  MAX_SUBJECT_CHARACTERS,
  MAX_TEXT_CHARACTERS,
  MAX_VARIABLES,
  MAX_VARIABLE_NAME_CHARACTERS,
} from './template.ts'
import type { CompiledTemplate, TemplateSource, TemplateVariable } from './template.ts'
import type { TemplateCompiler } from './template-compiler.ts'

/** Names as Liquid reads them after a dot: `city`, `shoe_size`, `campaign.name`. */
const VARIABLE_NAME = /^[\p{L}_][\p{L}\p{M}\p{N}_-]*(\.[\p{L}_][\p{L}\p{M}\p{N}_-]*)*$/u

/**
 * Checks a source and compiles it to what a version stores: MJML to HTML, CSS inlined, the text part made from the HTML
 * when there is none, all parts valid Liquid. Throws a Problem: `templates.syntax` and `templates.mjml_invalid` name the
 * line, `templates.too_large` and `templates.too_complex` the limit.
 */
export async function compileTemplate(
  deps: { readonly compiler: TemplateCompiler },
  source: TemplateSource,
): Promise<CompiledTemplate> {
  assertContent(source)
  assertSize('subject', source.subject, MAX_SUBJECT_CHARACTERS)
  assertSize('html', source.html, MAX_HTML_CHARACTERS)
  assertSize('mjml', source.mjml, MAX_MJML_CHARACTERS)
  assertSize('text', source.text, MAX_TEXT_CHARACTERS)
  assertVariables(source.variables)
  return await deps.compiler.compile(source)
}

function assertContent({ html, mjml, text }: TemplateSource): void {
  if (html !== undefined && mjml !== undefined)
    throw refusal('mjml', 'templates.two_contents', 'A template has html or mjml, not both.')
  if ([html, mjml, text].every((content) => content === undefined || content.trim() === '')) {
    throw refusal('html', 'templates.no_content', 'A template needs html, mjml or text.')
  }
}

function assertSize(field: string, content: string | undefined, limit: number): void {
  if (content === undefined || content.length <= limit) return
  const message = `The ${field} has ${content.length} characters; at most ${limit} are possible.`
  throw new Problem('too_large', 'templates.too_large', message, {
    errors: [{ field, code: 'templates.too_large', message }],
  })
}

function assertVariables(variables: readonly TemplateVariable[]): void {
  if (variables.length > MAX_VARIABLES)
    throw refusal(
      'variables',
      'templates.too_many_variables',
      `A template declares at most ${MAX_VARIABLES} variables.`,
    )
  const names = new Set<string>()
  for (const [index, { name }] of variables.entries()) {
    const field = `variables[${index}].name`
    if (name.length > MAX_VARIABLE_NAME_CHARACTERS || !VARIABLE_NAME.test(name)) {
      throw refusal(
        field,
        'templates.variable_name',
        `"${name.slice(0, MAX_VARIABLE_NAME_CHARACTERS)}" is not a name that a template can use.`,
      )
    }
    if (names.has(name))
      throw refusal(field, 'templates.variable_twice', `The variable "${name}" is declared twice.`)
    names.add(name)
  }
}

function refusal(field: string, code: string, message: string): Problem {
  return new Problem('invalid', code, message, { errors: [{ field, code, message }] })
}
