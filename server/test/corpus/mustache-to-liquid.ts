/** A template of Handlebars or Mustache in Liquid, with the names that it needs. */
export interface TranslatedTemplate {
  readonly liquid: string
  /** Names of single values, e.g. `total`. */
  readonly values: ReadonlySet<string>
  /** Names of lists, with the names of what each element has. */
  readonly lists: ReadonlyMap<string, ReadonlySet<string>>
  /** Placeholders that the template shows as such (`\{{ name }}`). */
  readonly literals: number
}

interface Scope {
  /** What closes it: `each` or the name of the section. */
  readonly closes: string
  /** What `.` means inside, in Liquid; names are looked up in it. */
  readonly path: string
  readonly list: string | undefined
  readonly end: string
}

const PLACEHOLDER = /(\\)?\{\{\{?\s*([#/^]?)\s*([^{}]*?)\s*\}?\}\}/g

/**
 * Translates `{{name}}`, `{{{name}}}`, `{{#each list}}`, `{{#section}}`, `{{^section}}` and `\{{ literal }}`. Liquid in the source
 * itself is not expected. Throws on a section that closes what is not open.
 */
export function mustacheToLiquid(source: string): TranslatedTemplate {
  const scopes: Scope[] = []
  const values = new Set<string>()
  const lists = new Map<string, Set<string>>()
  let literals = 0
  const liquid = source.replace(
    PLACEHOLDER,
    (whole, escape: string | undefined, kind: string, name: string) => {
      if (escape !== undefined) {
        literals += 1
        return `{% raw %}${whole.slice(1)}{% endraw %}`
      }
      if (kind === '/') return close(name)
      if (kind === '#' && name.startsWith('each')) return openList(name.replace(/^each\s+/, ''))
      if (kind === '#') return openSection(name, 'if')
      if (kind === '^') return openSection(name, 'unless')
      const read = value(name)
      return whole.startsWith('{{{') ? `{{ ${read} | raw }}` : `{{ ${read} }}`
    },
  )
  if (scopes.length > 0) throw new Error(`The section ${scopes.at(-1)?.closes} is not closed.`)
  return { liquid, values, lists, literals }

  function openList(name: string): string {
    const list = name === '.' ? (scopes.at(-1)?.path ?? '') : name
    if (list === '') throw new Error('A list without a name.')
    lists.set(list, lists.get(list) ?? new Set())
    const item = `item_${scopes.length}`
    scopes.push({ closes: 'each', path: item, list, end: 'endfor' })
    return `{% for ${item} in ${list} %}`
  }

  function openSection(name: string, tag: 'if' | 'unless'): string {
    scopes.push({ closes: name, path: name, list: undefined, end: `end${tag}` })
    return `{% ${tag} ${name} %}`
  }

  function close(name: string): string {
    const scope = scopes.pop()
    if (scope?.closes !== name) throw new Error(`${name} closes ${scope?.closes ?? 'nothing'}.`)
    return `{% ${scope.end} %}`
  }

  function value(name: string): string {
    const scope = scopes.at(-1)
    if (scope?.list === undefined) {
      values.add(name)
      return name
    }
    lists.get(scope.list)?.add(name)
    return `${scope.path}.${name}`
  }
}
