import { isUuid } from '#platform/ids.ts'
import { Problem } from '#platform/problem.ts'
import type { SuppressionImport } from './import-suppressions.ts'
import { SUPPRESSION_REASONS } from './suppression.ts'

export const SUPPRESSION_FIELDS = ['reason', 'list_id'] as const

/** Reads the text fields of the upload form. */
export function readSuppressionForm(
  fields: Readonly<Record<string, string>>,
): Pick<SuppressionImport, 'reason' | 'listId'> {
  const { reason = 'manual', list_id: listId } = fields
  const found = SUPPRESSION_REASONS.find((each) => each === reason)
  if (found === undefined) throw wrong('reason', `It is one of ${SUPPRESSION_REASONS.join(', ')}.`)
  if (listId !== undefined && !isUuid(listId)) throw wrong('list_id', 'It is the id of a list.')
  return { reason: found, listId: listId ?? null }
}

function wrong(field: string, message: string): Problem {
  return new Problem('invalid', 'request.invalid', `Correct the field ${field}: ${message}`, {
    errors: [{ field, code: 'invalid', message }],
  })
}
