import { convert } from 'html-to-text'
import type { FormatCallback, HtmlToTextOptions } from 'html-to-text'
import type { ShieldedSource } from './shield-liquid.ts'

/** A cell is one of several in a row of data: kept apart from the next by a space. Blocks inside it still break the line. */
const formatCell: FormatCallback = (element, walk, builder) => {
  walk(element.children, builder)
  builder.addInline(' ')
}

/** An image is its alternative text, nothing when it is decoration. */
const formatImage: FormatCallback = (element, _walk, builder) => {
  const alt: unknown = element.attribs?.['alt']
  if (typeof alt === 'string') builder.addInline(alt)
}

const OPTIONS: HtmlToTextOptions = {
  wordwrap: false,
  formatters: { cell: formatCell, alternativeText: formatImage },
  selectors: [
    {
      selector: 'a',
      options: { linkBrackets: ['(', ')'], hideLinkHrefIfSameAsText: true, noAnchorUrl: true },
    },
    { selector: 'img', format: 'alternativeText' },
    { selector: 'tr', format: 'block', options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    ...['table[role="presentation"] > tbody > tr', 'table[role="presentation"] > tr'].map((selector) => ({
      selector,
      format: 'block',
      options: { leadingLineBreaks: 2, trailingLineBreaks: 2 },
    })),
    { selector: 'td', format: 'cell' },
    { selector: 'th', format: 'cell' },
    // What only the list of an inbox shows (the preheader) is not content.
    { selector: '[style*="display:none"]', format: 'skip' },
    { selector: '[style*="display: none"]', format: 'skip' },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
  ],
}

/**
 * The text part of an HTML part, with its Liquid words in place: links as "text (url)", images as their alternative text,
 * rows of tables as lines (of tables for layout, as paragraphs). Assignments that stood in the head come first, since the text may use what they assign.
 */
export function textFromHtml(shielded: ShieldedSource, html: string): string {
  const converted = convert(html, OPTIONS)
  const assignments = shielded.missingFrom(converted).filter((piece) => piece.name === 'assign')
  return `${assignments.map((piece) => piece.word).join('')}${tidy(shielded, converted)}\n`
}

/** No blanks at line ends, at most one empty line, and no line of its own for a tag, which would leave a gap when rendered. */
function tidy(shielded: ShieldedSource, text: string): string {
  let tidied = ''
  let isAfterTag = false
  for (const line of text.split('\n').map((untrimmed) => untrimmed.trim())) {
    if (line === '' && (isAfterTag || tidied === '' || tidied.endsWith('\n\n'))) continue
    isAfterTag = line !== '' && isOnlyTags(shielded, line)
    tidied += isAfterTag ? line : `${line}\n`
  }
  return tidied.trim()
}

function isOnlyTags(shielded: ShieldedSource, line: string): boolean {
  return (
    shielded.holdsTag(line) &&
    shielded
      .restore(line)
      .text.replace(/\{%.*?%\}/gs, '')
      .trim() === ''
  )
}
