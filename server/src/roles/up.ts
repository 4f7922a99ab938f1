import { firstCampaign, isFirstStart } from './first-campaign.ts'
import { startPlatform, type Platform } from './start-platform.ts'

/** `npm start`: everything on one machine, the main job once on an empty data directory, and then it serves. */
export async function up(_args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const interrupted = interruptedBy('SIGINT', 'SIGTERM', 'SIGHUP')
  say('Pigeon starts: PostgreSQL, history, windtunnel, roles …')
  const platform = await startPlatform(env)
  try {
    return await serve(platform, interrupted)
  } finally {
    await platform.stop()
  }
}

/** Until a signal (0), or until the platform cannot go on (1). */
async function serve(platform: Platform, interrupted: AbortSignal): Promise<number> {
  const { config } = platform
  const failing = new AbortController()
  const over = AbortSignal.any([interrupted, failing.signal])
  const failed = platform.failed.then((problem) => {
    failing.abort()
    return problem
  })
  say(`Ready in ${platform.readySeconds.toFixed(1)} s, mode ${config.PIGEON_MODE}.`)
  if (!over.aborted && config.PIGEON_MODE === 'sandbox' && (await isFirstStart(platform))) {
    await firstCampaign(platform, { contacts: 1000, isJson: false, signal: over }).catch((error: unknown) =>
      say(`The first campaign did not end well: ${String(error)}`),
    )
  }
  if (!over.aborted) sayWhatIsWhere(`http://${config.PIGEON_HTTP_HOST}:${config.PIGEON_HTTP_PORT}`)
  const failure = await Promise.race([failed, aborted(interrupted)])
  if (failure === undefined) return 0
  process.stderr.write(`${failure.message}\n`)
  return 1
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function sayWhatIsWhere(url: string): void {
  say(
    `\n  API reference   ${url}/docs\n  Health          ${url}/readyz\n  Set-up          npm run pigeon -- login   (makes the owner when there is none)\n  Stop            Ctrl-C\n`,
  )
}

/** A signal that comes while the platform starts is heeded when it has started: nothing is left running. */
function interruptedBy(...signals: NodeJS.Signals[]): AbortSignal {
  const controller = new AbortController()
  for (const signal of signals)
    process.on(signal, () => {
      if (!controller.signal.aborted) say('Pigeon stops: what is being sent ends first.')
      controller.abort()
    })
  return controller.signal
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true })
  })
}
