export type ProblemKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'limited'
  | 'unavailable'

/** What is wrong with one field of the input. `field` is the path as the caller wrote it, e.g. `from.email`. */
export interface FieldError {
  readonly field: string
  readonly code: string
  readonly message: string
}

/**
 * A refusal: the caller asked for something that cannot be done, and `message` says what to do about it.
 * `code` is stable (`campaigns.empty_list`). Edges translate `kind`: http/ to a status, submission/ to a reply.
 */
export class Problem extends Error {
  readonly kind: ProblemKind
  readonly code: string
  readonly errors: readonly FieldError[]
  /** When asking again makes sense, for `limited`, `unavailable` and a conflict that passes. Milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    kind: ProblemKind,
    code: string,
    message: string,
    options: { errors?: readonly FieldError[]; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Problem'
    this.kind = kind
    this.code = code
    this.errors = options.errors ?? []
    this.retryAfterMs = options.retryAfterMs
  }
}
