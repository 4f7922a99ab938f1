/** What the exit code of `pigeon` means. */
export const EXIT = {
  ok: 0,
  /** The server refused, or what was asked for did not come true. */
  failed: 1,
  /** The command was not written as its help says. */
  usage: 2,
  unreachable: 3,
  notSignedIn: 4,
} as const

/** Ends the command with a sentence for a person and an exit code. */
export class Failure extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number = EXIT.failed, options?: { cause: unknown }) {
    super(message, options)
    this.name = 'Failure'
    this.exitCode = exitCode
  }
}

/** The command was written wrongly: the sentence says what, the help how. */
export function usageFailure(message: string): Failure {
  return new Failure(message, EXIT.usage)
}
