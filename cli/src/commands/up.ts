import { serverCommand } from '#server-command.ts'

export const up = serverCommand({
  name: 'up',
  summary: 'Starts everything on this machine, like npm start.',
  example: 'pigeon up',
})
