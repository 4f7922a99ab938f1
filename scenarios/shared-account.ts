import { after } from 'node:test'
import { runPlatform, type PlatformScope, type RunningPlatform } from '@pigeon/server/test/platform.ts'
import { openAccount, type Account } from './account.ts'

const cleanUps: (() => Promise<void>)[] = []
type HabitsChange = Parameters<RunningPlatform['windtunnel']['changeHabits']>[1]

let opening: Promise<Account> | undefined

/**
 * An account on the platform that all scenarios of this process share. They are those that kill nothing, need no settings of their
 * own, put back what they change for others, and write to people of their own, since who is unknown once is suppressed.
 * `npm test` runs them in one process; a file that is run by itself has a platform for itself.
 */
export function sharedAccount(): Promise<Account> {
  opening ??= runPlatform({ after: (cleanUp) => void cleanUps.push(cleanUp) }).then(openAccount)
  return opening
}

/** Changes how a simulated provider treats its visitors, until the test ends. */
export async function changeHabits(
  t: PlatformScope,
  { platform: { windtunnel } }: Account,
  provider: string,
  change: HabitsChange,
): Promise<void> {
  const found = (await windtunnel.providers()).find(({ name }) => name === provider)
  if (found === undefined) throw new Error(`No simulated provider is called ${provider}.`)
  t.after(async () => void (await windtunnel.changeHabits(provider, found.habits)))
  await windtunnel.changeHabits(provider, change)
}

after(async () => {
  for (const cleanUp of cleanUps) await cleanUp()
})
