/** The parts of a message that a template writes. */
export type TemplatePart = 'subject' | 'html' | 'text'

/** A variable that the author declares: its default stands in for a missing value when mail is sent. */
export interface TemplateVariable {
  /** A name (`city`) or a path (`campaign.name`). */
  readonly name: string
  readonly default?: string | number | boolean
  readonly description?: string
}

/** What the author writes. Liquid everywhere; the content is `html` or `mjml` (not both), `text`, or content and `text`. */
export interface TemplateSource {
  readonly subject: string
  readonly html?: string
  readonly mjml?: string
  /** Made from the HTML when absent. */
  readonly text?: string
  readonly variables: readonly TemplateVariable[]
}

/**
 * What a version stores and what rendering needs: Liquid sources whose CSS is inlined, as plain JSON.
 * `html` is '' when the template has only text.
 */
export interface CompiledTemplate {
  readonly subject: string
  readonly html: string
  readonly text: string
  readonly variables: readonly TemplateVariable[]
  /** The line in the author's source of each Liquid piece, in the order of the compiled part; absent when the part is as written. */
  readonly lines: { readonly html?: readonly number[]; readonly text?: readonly number[] }
}

/** A rendered message. `html` is '' when the template has only text. */
export interface RenderedTemplate {
  readonly subject: string
  readonly html: string
  readonly text: string
}

/** Largest HTML source, in characters. Gmail clips a message at 102 KB, so this is generous. */
export const MAX_HTML_CHARACTERS = 1_048_576
/** Largest MJML source, in characters; MJML compiles to about five times its size. */
export const MAX_MJML_CHARACTERS = 524_288
/** Largest text part, in characters. */
export const MAX_TEXT_CHARACTERS = 524_288
/** Largest subject source, in characters; RFC 5322 allows 998 in a rendered line. */
export const MAX_SUBJECT_CHARACTERS = 2_000
/** Largest compiled HTML, in characters: what inlining may grow a source to. */
export const MAX_COMPILED_CHARACTERS = 2_097_152
/** Most variables that a template may declare. */
export const MAX_VARIABLES = 200
/** Longest name of a variable, in characters. */
export const MAX_VARIABLE_NAME_CHARACTERS = 100
/** Largest rendered part, in characters. */
export const MAX_RENDERED_CHARACTERS = 2_097_152
/** Longest rendered subject, in characters: what is left of RFC 5322's 998 a line. */
export const MAX_RENDERED_SUBJECT_CHARACTERS = 900
/** Time that rendering one part may take, in milliseconds: a person waits for a preview, a lane waits for a message. */
export const RENDER_TIME_MS = { preview: 1_000, send: 100 } as const
/** Characters and list elements that the filters, ranges and captures of one part may make. */
export const MAX_RENDER_MEMORY = 2_000_000
/** Elements, nested ones counted, of a list that a filter answers: lists that contain each other grow without using memory. */
export const MAX_LIST_ELEMENTS = 100_000
/** Tags inside tags inside tags: deeper nesting would exhaust the stack. */
export const MAX_TAG_DEPTH = 50
/** Outputs and tags in one part: parsing more than about 50,000 takes LiquidJS quadratic time. */
export const MAX_LIQUID_PIECES = 10_000
