import { pino } from 'pino'

/** Structured log lines, one JSON object a line on standard error. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(fields: object): Log
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Secrets must not reach a log: these paths are cut out wherever they stand. */
const REDACTED = [
  'password',
  'authorization',
  'token',
  'api_key',
  'headers.authorization',
  'headers.cookie',
  '*.password',
]

export function createLog(options: { level: LogLevel; role: string }): Log {
  return pino(
    {
      level: options.level,
      base: { role: options.role, pid: process.pid },
      redact: { paths: REDACTED, censor: '[redacted]' },
    },
    pino.destination({ fd: 2, sync: false }),
  )
}
