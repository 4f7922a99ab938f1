import { readFileSync } from 'node:fs'
import { isRunning } from '@pigeon/server/test/processes.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { readJournal, type LeftJournal } from './journals.ts'
import { ownerOf, type Site, type SiteOwner, type Stage } from './stage.ts'

/** What a kill left behind, as seen from outside. */
export interface Kill {
  readonly point: string
  /** Connections that the process had open: the most at one time of the last seconds. */
  readonly open: number
  /** Messages whose final dot had reached the receiver and whose outcome was not in the journal: each may come once more. */
  readonly mayComeAgain: ReadonlySet<string>
  /** The message in whose conversation the process was killed; undefined where there is none. */
  readonly victim?: Victim
}

/** A place at which a process is killed. */
export interface Point {
  readonly name: string
  /** Brings a process to the place and kills it there. `choose`: a number from 0 up to 1 that the seed decides. */
  kill(stage: Stage, site: Site, choose: (choice: string) => number): Promise<Kill>
}

export interface Victim {
  readonly messageId: string
  /** True: the receiver had it and the sender did not know, so it must come twice. False: it had not, so once. */
  readonly comesTwice: boolean
}

const GONE_DEADLINE_MS = 30_000
const STOP_DEADLINE_MS = 5_000

/** SIGSTOP, and waits right here until the process stands still: nothing that arrives from now on is seen by it. */
export function stopNow(pid: number): void {
  process.kill(pid, 'SIGSTOP')
  for (const end = performance.now() + STOP_DEADLINE_MS; performance.now() < end;) {
    if (/^\d+ \(.*\) [tT] /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return
  }
  throw new Error(`Process ${pid} did not stop within ${STOP_DEADLINE_MS} ms.`)
}

export async function killPid(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await waitFor(`process ${pid} to be gone`, () => !isRunning(pid), GONE_DEADLINE_MS)
}

/** The process that delivers for a site, once it runs. */
export async function delivererOf(stage: Stage, site: Site): Promise<SiteOwner & { pid: number }> {
  const owner = await waitFor(`an owner of ${site.domain}`, () => ownerOf(stage, site), GONE_DEADLINE_MS)
  return { ...owner, pid: await stage.account.platform.pid('deliver', owner.process) }
}

/** Kills the process that delivers for a site, and says what it had in hand. */
export async function killDeliverer(
  stage: Stage,
  site: Site,
  deliverer: { readonly pid: number; readonly process: number },
): Promise<{ open: number; mayComeAgain: Set<string>; journal: LeftJournal }> {
  const open = site.gate.mostOpen()
  const conversations = site.gate.conversations()
  await killPid(deliverer.pid)
  const journal = await readJournal(stage.account.platform.dataDir, deliverer.process)
  // What it had written before is still on its way through the gate.
  await waitFor(
    'its connections to end',
    () => conversations.every((each) => each.closedAt !== undefined),
    GONE_DEADLINE_MS,
  )
  site.gate.forget()
  const dotted = conversations.flatMap(({ dotted }) => (dotted === undefined ? [] : [dotted.messageId]))
  return { open, mayComeAgain: new Set(dotted.filter((id) => !journal.delivered.has(id))), journal }
}
