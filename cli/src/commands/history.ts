import { serverCommand } from '#server-command.ts'

export const history = serverCommand({
  name: 'history rebuild',
  summary: 'Brings back into the history what it lacks, and makes the sums for analytics again.',
  example: 'pigeon history rebuild',
})
