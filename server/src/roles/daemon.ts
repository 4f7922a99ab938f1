import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadConfig, readEnvironment } from '#config/load.ts'
import { serverSections, type Config } from '#config/sections.ts'
import { processIdentity } from '#platform/postgres/process-identity.ts'
import { Problem } from '#platform/problem.ts'
import { makeDataDir } from './start-platform.ts'

const USAGE = `main.ts daemon start|stop|status [--json]

  start    starts everything in the background, and waits until it is ready
  stop     lets what is being sent end, stops everything, and waits until it has
  status   exits with 0 when it runs and is ready
`
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const READY_WITHIN_MS = 180_000
/** Databases are stopped after the roles. */
const STOP_DATABASES_MS = 60_000
const POLL_MS = 100
const ANSWER_MS = 2_000
const LOG_LINES_SHOWN = 20

/** What the pid file says. The identity tells a process of the same pid from ours. */
interface Daemon {
  readonly pid: number
  readonly identity: string
}

interface Place {
  readonly config: Config
  readonly pidFile: string
  readonly logFile: string
  readonly url: string
}

/** `main.ts daemon`: the platform as a process that outlives the terminal. Its pid and its log are in the data directory. */
export async function daemonCommand(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { verb, isJson } = parse(args)
  const place = placeOf(env)
  if (verb === 'start') return start(place, env)
  return verb === 'stop' ? stop(place) : status(place, isJson)
}

async function start(place: Place, env: NodeJS.ProcessEnv): Promise<number> {
  const running = await findDaemon(place)
  if (running !== undefined) {
    say(`Pigeon runs already, as process ${running.pid}.`)
    return 0
  }
  if (await isReady(place)) {
    const message = `Something answers at ${place.url} already: another Pigeon? Stop it, or set PIGEON_HTTP_PORT.`
    throw new Problem('conflict', 'daemon.port_taken', message)
  }
  await makeDataDir(resolve(place.config.PIGEON_DATA_DIR))
  await rm(place.pidFile, { force: true })
  const child = spawnUp(place, env)
  await note(place, child)
  try {
    await untilReady(place, child)
  } catch (error) {
    child.kill('SIGTERM')
    await rm(place.pidFile, { force: true })
    throw error
  }
  say(`Pigeon is ready at ${place.url}, as process ${child.pid}. Its log: ${place.logFile}`)
  return 0
}

function spawnUp({ logFile }: Place, env: NodeJS.ProcessEnv): ChildProcess {
  const log = openSync(logFile, 'a')
  try {
    const child = spawn(process.execPath, [MAIN, 'up'], { detached: true, stdio: ['ignore', log, log], env })
    child.unref()
    return child
  } finally {
    closeSync(log)
  }
}

/** Of two that start at the same time one finds the other's file, and gives way. */
async function note({ pidFile }: Place, child: ChildProcess): Promise<void> {
  const { pid = 0 } = child
  const identity = (await processIdentity(pid)) ?? ''
  try {
    await writeFile(pidFile, `${JSON.stringify({ pid, identity } satisfies Daemon)}\n`, { flag: 'wx' })
  } catch (cause) {
    child.kill('SIGTERM')
    const message = `${pidFile} could not be written: ${String(cause)}. Is somebody else starting Pigeon?`
    throw new Problem('conflict', 'daemon.not_noted', message, { cause })
  }
}

async function untilReady(place: Place, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS
  while (!(await isReady(place))) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw notStarted('It has ended by itself.', await lastLines(place.logFile))
    if (performance.now() > deadline)
      throw notStarted(`It was not ready within ${READY_WITHIN_MS / 1000} s.`, await lastLines(place.logFile))
    await sleep(POLL_MS)
  }
}

function notStarted(why: string, log: string): Problem {
  return new Problem('unavailable', 'daemon.not_started', `Pigeon did not start. ${why}\n${log}`)
}

async function stop(place: Place): Promise<number> {
  const running = await findDaemon(place)
  if (running === undefined) {
    say('No Pigeon was started in the background here.')
    return 0
  }
  process.kill(running.pid, 'SIGTERM')
  const withinMs = place.config.PIGEON_SHUTDOWN_SECONDS * 1000 + STOP_DATABASES_MS
  const deadline = performance.now() + withinMs
  while ((await findDaemon(place)) !== undefined) {
    if (performance.now() > deadline) {
      const message = `Process ${running.pid} has not ended within ${withinMs / 1000} s. Its log: ${place.logFile}`
      throw new Problem('unavailable', 'daemon.not_stopped', message)
    }
    await sleep(POLL_MS)
  }
  await rm(place.pidFile, { force: true })
  say('Pigeon has stopped.')
  return 0
}

async function status(place: Place, isJson: boolean): Promise<number> {
  const [running, isUp] = await Promise.all([findDaemon(place), isReady(place)])
  const pid = running?.pid ?? null
  const background = pid === null ? 'nothing in the background' : `process ${pid}`
  say(
    isJson
      ? JSON.stringify({ pid, ready: isUp, url: place.url, log: place.logFile })
      : `${background}; ${place.url} is ${isUp ? 'ready' : 'not ready'}`,
  )
  return isUp ? 0 : 1
}

/** The process of the pid file, if it runs still. */
async function findDaemon({ pidFile }: Place): Promise<Daemon | undefined> {
  const text = await readFile(pidFile, 'utf8').catch(() => '')
  const [, pid = '', identity = ''] = /^\{"pid":(\d{1,9}),"identity":"([^"]*)"\}\n$/.exec(text) ?? []
  const daemon = { pid: Number(pid), identity }
  return pid !== '' && (await processIdentity(daemon.pid)) === identity ? daemon : undefined
}

async function isReady({ url }: Place): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) })
    await answer.body?.cancel()
    return answer.ok
  } catch {
    return false
  }
}

async function lastLines(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n')
}

function placeOf(env: NodeJS.ProcessEnv): Place {
  const config = loadConfig(serverSections, readEnvironment(process.cwd(), env))
  const dataDir = resolve(config.PIGEON_DATA_DIR)
  const isEverywhere = config.PIGEON_HTTP_HOST === '0.0.0.0' || config.PIGEON_HTTP_HOST === '::'
  const host = isEverywhere ? '127.0.0.1' : config.PIGEON_HTTP_HOST
  return {
    config,
    pidFile: join(dataDir, 'pigeon.pid'),
    logFile: join(dataDir, 'pigeon.log'),
    url: `http://${host.includes(':') ? `[${host}]` : host}:${config.PIGEON_HTTP_PORT}`,
  }
}

function parse(args: readonly string[]): { verb: 'start' | 'stop' | 'status'; isJson: boolean } {
  try {
    const options = { json: { type: 'boolean' } } as const
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const [verb, ...more] = positionals
    if (more.length === 0 && (verb === 'start' || verb === 'stop' || verb === 'status'))
      return { verb, isJson: values.json === true }
    throw new Error('Say start, stop or status.')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Problem('invalid', 'daemon.arguments', `${why}\n\n${USAGE}`, { cause })
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
