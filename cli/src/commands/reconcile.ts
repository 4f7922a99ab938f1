import { serverCommand } from '#server-command.ts'

export const reconcile = serverCommand({
  name: 'reconcile',
  summary:
    'Proves the ledger of every tenant by recounting; exits with 1 and names the row when something is wrong.',
  example: 'pigeon reconcile --json',
})
