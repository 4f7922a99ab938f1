/**
 * Puts the values of `{name:Type}` into a statement as literals, as ClickHouse's server does. The engine's own binding is
 * not used: it runs all statements with parameters of a process one after another, so that one slow report would hold up
 * every other. Values come as HTTP clients send them: in tab-separated escaping, arrays and maps in their literal form.
 */
export function bindParameters(statement: string, values: ReadonlyMap<string, string>): string {
  let bound = ''
  let at = 0
  for (const match of statement.matchAll(TOKEN)) {
    if (match.groups?.name === undefined) continue
    bound += statement.slice(at, match.index) + literalOf(match.groups.name, match.groups.type ?? '', values)
    at = match.index + match[0].length
  }
  return bound + statement.slice(at)
}

/** Thrown for a placeholder without a value, or a value that its type cannot be. */
export class BadParameter extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'BadParameter'
  }
}

/** What may hold braces that are no placeholder (strings, quoted names, comments) is matched first and passed over. */
const TOKEN = new RegExp(
  [
    String.raw`'(?:[^'\\]|\\.|'')*'`,
    String.raw`"(?:[^"\\]|\\.|"")*"`,
    '`(?:[^`\\\\]|\\\\.|``)*`',
    String.raw`--[^\n]*`,
    String.raw`/\*[\s\S]*?\*/`,
    String.raw`\{\s*(?<name>[A-Za-z_]\w*)\s*:\s*(?<type>[A-Z][^{}]*?)\s*\}`,
  ].join('|'),
  'gs',
)

const IDENTIFIER = /^[A-Za-z_]\w*$/

function literalOf(name: string, type: string, values: ReadonlyMap<string, string>): string {
  const value = values.get(name)
  if (value === undefined) throw new BadParameter(`Substitution ${name} is not set.`)
  if (type === 'Identifier') {
    if (!IDENTIFIER.test(value)) throw new BadParameter(`Substitution ${name} is not an identifier.`)
    return `\`${value}\``
  }
  return `_CAST(${value === '\\N' ? 'NULL' : quoted(textOf(type, value))}, ${quoted(type)})`
}

/** Composite types are read from their literal form; of all others the tab-separated escaping is undone. */
function textOf(type: string, value: string): string {
  return /^(Array|Tuple|Map|Nested)\(/.test(type) ? value : unescaped(value)
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', r: '\r', n: '\n', t: '\t', '0': '\0' }

function unescaped(value: string): string {
  return value.replaceAll(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter)
}

/** Only these two can end a string literal or begin an escape. NUL is escaped because the engine's interface is C. */
export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`
}
