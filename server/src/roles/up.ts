import { firstCampaign, isFirstStart } from './first-campaign.ts'
import { startPlatform, type Platform } from './start-platform.ts'

/** `npm start`: everything on one machine, the main job once on an empty data directory, and then it serves. */
export async function up(_args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  say('Pigeon starts: PostgreSQL, history, windtunnel, roles …')
  const platform = await startPlatform(env)
  const stopped = stopOnSignal(platform, say)
  const { config } = platform
  say(`Ready in ${platform.readySeconds.toFixed(1)} s, mode ${config.PIGEON_MODE}.`)
  if (config.PIGEON_MODE === 'sandbox' && (await isFirstStart(platform))) {
    await firstCampaign(platform, { contacts: 1000, isJson: false }).catch((error: unknown) =>
      say(`The first campaign did not end well: ${String(error)}`),
    )
  }
  const url = `http://${config.PIGEON_HTTP_HOST}:${config.PIGEON_HTTP_PORT}`
  say(
    `\n  API reference   ${url}/docs\n  Health          ${url}/readyz\n  Set-up          npm run pigeon -- login   (makes the owner when there is none)\n  Stop            Ctrl-C\n`,
  )
  const failure = await Promise.race([stopped, platform.failed])
  if (failure === undefined) return 0
  process.stderr.write(`${failure.message}\n`)
  await platform.stop()
  return 1
}

function stopOnSignal(platform: Platform, say: (line: string) => void): Promise<undefined> {
  return new Promise((resolveStopped) => {
    let isStopping = false
    const stop = async (): Promise<void> => {
      if (isStopping) return
      isStopping = true
      say('Pigeon stops: what is being sent ends first.')
      await platform.stop()
      resolveStopped(undefined)
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop())
  })
}
