import { Problem } from '#platform/problem.ts'

const REASONS = new Map([
  ['EADDRINUSE', 'another program uses it'],
  ['EACCES', 'this user may not listen there'],
  ['EADDRNOTAVAIL', 'this machine does not have the loopback address'],
])

/** A Problem that names the setting when a port cannot be listened on; any other error as it is. */
export function listeningProblem(
  error: unknown,
  what: string,
  setting: string,
  value: number | string,
): unknown {
  const code = codeOf(error)
  const reason = code === undefined ? undefined : REASONS.get(code)
  if (reason === undefined) return error
  return new Problem(
    'unavailable',
    'windtunnel.cannot_listen',
    `The windtunnel's ${what} server cannot listen on ${value}: ${reason}. Choose another with ${setting}.`,
    { cause: error },
  )
}

export function isPortTaken(error: unknown): boolean {
  return codeOf(error) === 'EADDRINUSE'
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
