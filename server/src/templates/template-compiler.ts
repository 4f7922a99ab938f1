import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Problem } from '#platform/problem.ts'
import type { FieldError, ProblemKind } from '#platform/problem.ts'
import type { CompiledTemplate, TemplateSource } from './template.ts'

/** Compiles templates in a child process. `close` ends the child and refuses what comes later. */
export interface TemplateCompiler {
  readonly compile: (source: TemplateSource) => Promise<CompiledTemplate>
  readonly close: () => Promise<void>
}

/** What the child is asked. */
export interface CompileJob {
  readonly source: TemplateSource
}

/** What the child says. `ready` once, after its modules are loaded. */
export type CompileAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'compiled'; readonly compiled: CompiledTemplate }
  | {
      readonly kind: 'refused'
      readonly problem: {
        readonly kind: ProblemKind
        readonly code: string
        readonly message: string
        readonly errors: readonly FieldError[]
      }
    }
  | { readonly kind: 'failed'; readonly reason: string }

/** Compilations that wait for the child; one more is refused. */
const MAX_WAITING = 50
/** A newsletter of 30 KB compiles in about 0.1 s; this is for machines that are busy. */
const COMPILE_TIMEOUT_MS = 10_000
/** Loading MJML takes 1 s on an idle core. */
const START_TIMEOUT_MS = 30_000
/** The child holds 100 MB; after this time without work it goes. */
const IDLE_MS = 10_000
/** Heap of the child, in MB: a source of the largest size needs less. */
const MAX_HEAP_MB = 256

const WORKER = fileURLToPath(new URL('./compile-worker.ts', import.meta.url))

/**
 * MJML and CSS inlining run in a child process that is reused, and killed and replaced when a source keeps it busy longer
 * than `timeoutMs` or exhausts its heap. The child starts with the first compilation, may write no file and start no
 * process, and does not keep this process alive.
 */
export function createTemplateCompiler({
  timeoutMs = COMPILE_TIMEOUT_MS,
}: { readonly timeoutMs?: number } = {}): TemplateCompiler {
  let child: ChildProcess | undefined
  let waiting = 0
  let isClosed = false
  let turn: Promise<unknown> = Promise.resolve()
  let idleTimer: NodeJS.Timeout | undefined

  async function compile(source: TemplateSource): Promise<CompiledTemplate> {
    if (waiting >= MAX_WAITING) {
      throw new Problem(
        'limited',
        'templates.compiler_busy',
        'Too many templates are being compiled. Try again in a few seconds.',
      )
    }
    waiting += 1
    const mine = turn.then(async () => await run(source))
    turn = mine.catch(() => undefined)
    try {
      return await mine
    } finally {
      waiting -= 1
    }
  }

  async function run(source: TemplateSource): Promise<CompiledTemplate> {
    if (isClosed)
      throw new Problem(
        'unavailable',
        'templates.compiler_closed',
        'The server is stopping. Try again in a moment.',
      )
    clearTimeout(idleTimer)
    const worker = child?.connected === true ? child : await start()
    setKeepsAlive(worker, true)
    const answered = nextAnswer(worker, timeoutMs)
    // A child that is gone cannot be sent to: nextAnswer sees it end.
    worker.send({ source } satisfies CompileJob, () => undefined)
    const answer = await answered
    if (answer === undefined) await stop()
    else rest(worker)
    return resultOf(answer, isClosed)
  }

  async function start(): Promise<ChildProcess> {
    await stop()
    child = await startChild()
    return child
  }

  function rest(worker: ChildProcess): void {
    setKeepsAlive(worker, false)
    idleTimer = setTimeout(() => void stop(), IDLE_MS).unref()
  }

  async function stop(): Promise<void> {
    const stopping = child
    child = undefined
    clearTimeout(idleTimer)
    if (stopping !== undefined) await kill(stopping)
  }

  return {
    compile,
    async close() {
      isClosed = true
      await stop()
      await turn
      await stop()
    },
  }
}

async function startChild(): Promise<ChildProcess> {
  const child = fork(WORKER, [], {
    execArgv: [
      `--max-old-space-size=${MAX_HEAP_MB}`,
      '--permission',
      '--allow-fs-read=*',
      '--disable-warning=SecurityWarning',
    ],
    env: {},
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  // Without a listener a failed start or kill would end this process; what matters of it is seen as an exit or a deadline.
  child.on('error', () => undefined)
  const answer = await nextAnswer(child, START_TIMEOUT_MS)
  if (answer?.kind === 'ready') return child
  await kill(child)
  throw new Problem(
    'unavailable',
    'templates.compiler_unavailable',
    'The template compiler does not start. Try again in a moment.',
  )
}

/** The child's next message; undefined when it ends or the time is over before. */
async function nextAnswer(child: ChildProcess, timeoutMs: number): Promise<CompileAnswer | undefined> {
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(), timeoutMs)
  try {
    const message = once(child, 'message', { signal: over.signal }).then(
      ([answer]: CompileAnswer[]) => answer,
    )
    const end = once(child, 'exit', { signal: over.signal }).then(() => undefined)
    return await Promise.race([message, end])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
    over.abort()
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  setKeepsAlive(child, true)
  const ended = once(child, 'exit')
  if (child.kill('SIGKILL')) await ended
}

/** An idle child must not keep the server from ending. */
function setKeepsAlive(child: ChildProcess, keepsAlive: boolean): void {
  if (keepsAlive) {
    child.ref()
    child.channel?.ref()
  } else {
    child.unref()
    child.channel?.unref()
  }
}

function resultOf(answer: CompileAnswer | undefined, isClosed: boolean): CompiledTemplate {
  if (answer?.kind === 'compiled') return answer.compiled
  if (answer?.kind === 'refused') {
    const { kind, code, message, errors } = answer.problem
    throw new Problem(kind, code, message, { errors })
  }
  if (isClosed)
    throw new Problem(
      'unavailable',
      'templates.compiler_closed',
      'The server is stopping. Try again in a moment.',
    )
  const reason = answer?.kind === 'failed' ? ` (${answer.reason})` : ''
  throw new Problem(
    'invalid',
    'templates.too_complex',
    `The template is too large or too deeply nested to compile${reason}. Make it simpler.`,
  )
}
