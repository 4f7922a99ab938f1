import { Problem } from '#platform/problem.ts'

const LONGEST_KEY = 512
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/**
 * The parts of a key. Throws Problem('invalid', 'objects.bad_key') for anything that could be more than a name below the
 * store's root: no segment is empty or begins with a dot, and none has a slash, a backslash or a control character.
 */
export function keySegments(key: string): string[] {
  const segments = key.split('/')
  if (key.length > LONGEST_KEY || !segments.every((segment) => SEGMENT.test(segment))) {
    throw new Problem(
      'invalid',
      'objects.bad_key',
      `An object's key is at most ${LONGEST_KEY} characters: letters, digits, "_", "-" and "." in parts separated by "/".`,
    )
  }
  return segments
}
