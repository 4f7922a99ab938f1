import { Type } from 'typebox'

export const platformSettings = Type.Object({
  PIGEON_DATA_DIR: Type.String({
    default: './data',
    minLength: 1,
    description:
      'Directory of everything that Pigeon keeps: database, history, uploaded files, journals and the key file. Relative to the working directory.',
  }),
  PIGEON_MODE: Type.Enum(['sandbox', 'live'], {
    default: 'sandbox',
    description:
      'In sandbox no message leaves the machine: the windtunnel receives them all. In live mode mail goes to the Internet.',
  }),
  PIGEON_KEY: Type.Optional(
    Type.String({
      secret: true,
      pattern: '^[A-Za-z0-9+/]{43}=$',
      allowed: '32 random bytes in base64 (44 characters), for example from: openssl rand -base64 32',
      description:
        'The master key of the installation, instead of the file keys.json in the data directory. What was encrypted with one key cannot be read with another.',
    }),
  ),
  PIGEON_LOG_LEVEL: Type.Enum(['debug', 'info', 'warn', 'error', 'silent'], {
    default: 'info',
    description: 'The least serious log line that is written, as one JSON object a line on standard error.',
  }),
  PIGEON_POSTGRES_URL: Type.Optional(
    Type.String({
      secret: true,
      pattern: '^postgres(ql)?://\\S+$',
      allowed: 'an address of the form postgresql://user:password@host:5432/database',
      description:
        'A PostgreSQL server of your own (15 or newer). Without it Pigeon runs its own PostgreSQL in the data directory.',
    }),
  ),
  PIGEON_CLICKHOUSE_URL: Type.Optional(
    Type.String({
      secret: true,
      pattern: '^https?://\\S+$',
      allowed: 'an address of the form http://user:password@host:8123/database',
      description:
        'A ClickHouse server of your own, for the history of messages. Without it Pigeon runs the engine itself in the data directory.',
    }),
  ),
  PIGEON_ANALYTICS_MEMORY_MB: Type.Integer({
    default: 512,
    minimum: 384,
    maximum: 1_048_576,
    description: 'Memory that the embedded history engine may use, in megabytes.',
  }),
  PIGEON_HISTORY_EVENT_DAYS: Type.Integer({
    default: 90,
    minimum: 1,
    maximum: 3650,
    description: 'How long events (delivered, bounced, opened and so on) are kept in the history, in days.',
  }),
  PIGEON_HISTORY_ATTEMPT_DAYS: Type.Integer({
    default: 30,
    minimum: 1,
    maximum: 3650,
    description: 'How long delivery attempts with their SMTP transcripts are kept in the history, in days.',
  }),
  PIGEON_HISTORY_ROLLUP_MONTHS: Type.Integer({
    default: 25,
    minimum: 1,
    maximum: 1200,
    description:
      'How long the sums that analytics are answered from are kept in the history, in months. They outlive the events.',
  }),
  PIGEON_GEO_DATABASE: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'A file of countries by IP address in the MaxMind DB format (.mmdb), for the geography of openings and clicks. Pigeon brings none: without it the country is unknown.',
    }),
  ),
  PIGEON_DELIVER_PROCESSES: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 64,
    description: 'Processes that sign and send mail. 0 means one for each processor core, at most 8.',
  }),
  PIGEON_SHUTDOWN_SECONDS: Type.Integer({
    default: 20,
    minimum: 1,
    maximum: 600,
    description:
      'How long a process may take to finish its work after it was told to stop. What it could not finish is taken up at the next start.',
  }),
})

/** Above this, PostgreSQL and the one reader of outcomes are busier than the senders: ask for more by the setting. */
const MOST_PROCESSES_BY_DEFAULT = 8

/** What `PIGEON_DELIVER_PROCESSES` means on a machine with `cores` processor cores. */
export function deliverProcesses(setting: number, cores: number): number {
  return setting > 0 ? setting : Math.max(1, Math.min(cores, MOST_PROCESSES_BY_DEFAULT))
}
