/** One command line, taken apart. Reverse-path and forward-path without their angle brackets. */
export type SmtpCommand =
  | { readonly verb: 'HELO' | 'EHLO'; readonly name: string }
  | {
      readonly verb: 'MAIL' | 'RCPT'
      readonly address: string
      readonly parameters: ReadonlyMap<string, string>
    }
  | { readonly verb: 'DATA' | 'RSET' | 'NOOP' | 'QUIT' | 'STARTTLS' | 'VRFY' | 'HELP' }
  | { readonly verb: 'unknown' | 'malformed' }

const PATH = /^(?:FROM|TO):\s*<([^<>\s]*)>((?:\s+\S+)*)\s*$/i
const PATH_WITH_QUOTES = /^(?:FROM|TO):\s*<((?:"(?:[^"\\]|\\.)*"|[^<>\s"])*)>((?:\s+\S+)*)\s*$/i
const NO_PARAMETERS: ReadonlyMap<string, string> = new Map()

/** Reads one line (without its CRLF) in the grammar of RFC 5321, section 4.1. Never throws. */
export function parseSmtpCommand(line: string): SmtpCommand {
  const space = line.indexOf(' ')
  const verb = (space === -1 ? line : line.slice(0, space)).toUpperCase()
  const rest = space === -1 ? '' : line.slice(space + 1).trim()
  switch (verb) {
    case 'MAIL':
      return /^FROM:/i.test(rest) ? parsePath('MAIL', rest) : { verb: 'malformed' }
    case 'RCPT':
      return /^TO:/i.test(rest) ? parsePath('RCPT', rest) : { verb: 'malformed' }
    case 'HELO':
    case 'EHLO':
      return rest === '' ? { verb: 'malformed' } : { verb, name: rest }
    case 'DATA':
    case 'RSET':
    case 'QUIT':
    case 'STARTTLS':
      return rest === '' ? { verb } : { verb: 'malformed' }
    case 'NOOP':
    case 'VRFY':
    case 'HELP':
      return { verb }
    default:
      return { verb: 'unknown' }
  }
}

function parsePath(verb: 'MAIL' | 'RCPT', rest: string): SmtpCommand {
  const match = PATH.exec(rest) ?? PATH_WITH_QUOTES.exec(rest)
  if (match === null) return { verb: 'malformed' }
  const address = match[1] ?? ''
  if (verb === 'RCPT' && address === '') return { verb: 'malformed' }
  if (address !== '' && !hasDomain(address)) return { verb: 'malformed' }
  return { verb, address, parameters: parseParameters(match[2] ?? '') }
}

function hasDomain(address: string): boolean {
  const at = address.lastIndexOf('@')
  return (at > 0 && at < address.length - 1) || /^postmaster$/i.test(address)
}

function parseParameters(text: string): ReadonlyMap<string, string> {
  if (text === '') return NO_PARAMETERS
  const parameters = new Map<string, string>()
  for (const word of text.trim().split(/\s+/)) {
    const equals = word.indexOf('=')
    if (equals === -1) parameters.set(word.toUpperCase(), '')
    else parameters.set(word.slice(0, equals).toUpperCase(), word.slice(equals + 1))
  }
  return parameters
}
