import { Problem } from '#platform/problem.ts'
import type { SourceRow } from './sources.store.ts'

/** A source as people see it: everything but its secret. */
export interface SourceView extends Omit<SourceRow, 'ptr_name' | 'ptr_checked_at' | 'ptr_problem'> {
  readonly ptr: {
    readonly status: 'unchecked' | 'ok' | 'wrong'
    readonly name: string | null
    readonly checked_at: Date | null
    readonly problem: string | null
  }
}

export function describeSource(row: SourceRow): SourceView {
  const { ptr_name, ptr_checked_at, ptr_problem, ...fields } = row
  const status = ptr_checked_at === null ? 'unchecked' : ptr_problem === null ? 'ok' : 'wrong'
  return {
    ...fields,
    ptr: { status, name: ptr_name, checked_at: ptr_checked_at, problem: ptr_problem },
  }
}

export function sourceNotFound(): Problem {
  return new Problem(
    'not_found',
    'sources.not_found',
    'There is no source with this id. GET /v1/sources lists them.',
  )
}

const TAKEN: Readonly<Record<string, readonly [field: string, code: string, message: string]>> = {
  sources_name_key: ['name', 'sources.name_taken', 'There is a source of this name already. Choose another.'],
  sources_local_address_key: [
    'local_address',
    'sources.address_taken',
    'Another source leaves from this address already: two would each spend its limits.',
  ],
}

/** What is taken already, as a Problem('conflict'); any other error as it is. */
export function takenProblem(error: unknown): unknown {
  const constraint = error instanceof Error && 'constraint' in error ? String(error.constraint) : ''
  const [field, code, message] = TAKEN[constraint] ?? []
  if (field === undefined || code === undefined || message === undefined) return error
  return new Problem('conflict', code, message, { cause: error, errors: [{ field, code, message }] })
}
