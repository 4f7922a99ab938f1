import { take, PigeonError, type Pigeon, type components } from '@pigeon/sdk'
import { command } from '#command.ts'
import type { Context } from '#context.ts'
import { countText } from '#count-text.ts'
import { EXIT, Failure } from '#exit-codes.ts'
import { interrupted } from '#interrupted.ts'
import { number, table, time } from '#output.ts'
import { readUntil } from '#patiently.ts'
import { askServer, serverCommand } from '#server-command.ts'

type Processes = components['schemas']['Processes']

const POLL_MS = 300

const start = serverCommand({
  name: 'daemon start',
  summary: 'Starts everything on this machine in the background, and waits until it is ready.',
  example: 'pigeon daemon start',
})

const stop = serverCommand({
  name: 'daemon stop',
  summary: 'Stops what daemon start has started: what is being sent ends first.',
  example: 'pigeon daemon stop',
})

const status = command({
  name: 'daemon status',
  summary:
    'Whether it runs and is ready; with a sign-in also which processes work and what they have in hand.',
  positionals: [],
  options: {},
  example: 'pigeon daemon status',
  run: async (context) => {
    const here = await statusHere()
    const processes = await processesOf(context)
    const isReady = processes !== undefined || here?.ready === true
    const pid = here?.pid ?? null
    context.out.result({ pid, ready: isReady, ...processes }, () => [
      pid === null ? 'Nothing was started in the background here.' : `Process ${pid}.`,
      `Pigeon is ${isReady ? 'ready' : 'not ready'}.`,
      ...(processes === undefined ? [] : processLines(processes)),
    ])
    return isReady ? EXIT.ok : EXIT.failed
  },
})

/** What the pid file of this machine says. */
async function statusHere(): Promise<{ pid: number | null; ready: boolean } | undefined> {
  const text = await askServer(['daemon', 'status', '--json'])
  if (text === undefined) return undefined
  const said: unknown = JSON.parse(text)
  if (typeof said !== 'object' || said === null || !('pid' in said) || !('ready' in said)) return undefined
  return { pid: typeof said.pid === 'number' ? said.pid : null, ready: said.ready === true }
}

/** Undefined without a sign-in, without the right to see it, or when nobody answers. */
async function processesOf(context: Context): Promise<Processes | undefined> {
  try {
    return await take(context.signedIn().GET('/v1/system/processes'))
  } catch (error) {
    if (error instanceof Failure || error instanceof PigeonError) return undefined
    throw error
  }
}

function processLines({ sending, roles, deliver }: Processes): string[] {
  const { stopped_at, reason, in_hand } = sending
  return [
    stopped_at === null
      ? `It sends; ${countText(in_hand)} messages are in hand.`
      : `Sending is stopped since ${time(stopped_at)}: ${reason}. ${countText(in_hand)} messages are in hand.`,
    '',
    ...table(
      ['role', 'sessions', 'since'],
      roles.map((each) => [each.role, number(each.sessions), time(each.since)]),
      ['left', 'right'],
    ),
    '',
    ...table(
      ['deliver', 'alive', 'shards', 'in hand', 'active', 'connections'],
      deliver.map((each) => [
        each.owner,
        each.is_alive ? 'yes' : 'no',
        each.shards.join(' '),
        countText(each.in_hand),
        number(each.active),
        number(each.connections),
      ]),
      ['left', 'left', 'left', 'right', 'right', 'right'],
    ),
  ]
}

const drain = command({
  name: 'daemon drain',
  summary: 'Stops all sending and waits until nothing is in hand; lasts until daemon resume.',
  positionals: [],
  options: {
    reason: { type: 'string', value: 'WORDS', description: 'For those who ask why nothing is sent.' },
  },
  example: 'pigeon daemon drain --reason "New disk"',
  run: async (context, { values }) => {
    const { out } = context
    const pigeon = context.signedIn()
    const body = values.reason === undefined ? {} : { reason: values.reason }
    await pigeon.POST('/v1/system/drain', { body })
    const { signal, release } = interrupted()
    const { sending } = await untilEmpty(pigeon, context, signal)
    release()
    const isEmpty = sending.in_hand.count === 0
    out.result(sending, () => [
      isEmpty
        ? 'Nothing is in hand. To send again: pigeon daemon resume'
        : `${countText(sending.in_hand)} messages are still in hand; nothing new begins.`,
    ])
    return isEmpty ? EXIT.ok : EXIT.failed
  },
})

async function untilEmpty(pigeon: Pigeon, { out }: Context, signal: AbortSignal): Promise<Processes> {
  const line = out.progress()
  const read = async (): Promise<Processes> => {
    const now = await take(pigeon.GET('/v1/system/processes'))
    line.update(`${countText(now.sending.in_hand)} messages in hand`)
    return now
  }
  const last = await readUntil(read, ({ sending }) => signal.aborted || sending.in_hand.count === 0, {
    everyMs: POLL_MS,
    withinMs: Number.POSITIVE_INFINITY,
  })
  line.end()
  return last
}

const resume = command({
  name: 'daemon resume',
  summary: 'Sends again after a drain.',
  positionals: [],
  options: {},
  example: 'pigeon daemon resume',
  run: async (context) => {
    await context.signedIn().POST('/v1/system/resume')
    context.out.result({ resumed: true }, () => ['Pigeon sends again.'])
    return EXIT.ok
  },
})

export const daemon = [start, stop, status, drain, resume]
