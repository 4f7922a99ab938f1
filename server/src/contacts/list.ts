import { Problem } from '#platform/problem.ts'

export interface List {
  readonly id: string
  readonly name: string
  readonly description: string | null
  readonly status: 'active' | 'archived'
  /** Recipients see it among their lists. */
  readonly is_public: boolean
  readonly subscribed: number
  readonly unsubscribed: number
  readonly created_at: Date
  readonly updated_at: Date
}

export function listNotFound(): Problem {
  return new Problem('not_found', 'lists.not_found', 'There is no such list.')
}
