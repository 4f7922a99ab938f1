import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '#platform/clock.ts'
import type { Clock } from '#platform/clock.ts'
import { createWindtunnelClient } from './client.ts'
import type { WindtunnelClient } from './client.ts'
import { converse } from './conversation.ts'
import type { Conversation } from './conversation.ts'
import type { HabitsChange } from './habits.schema.ts'
import { startWindtunnel } from './start-windtunnel.ts'
import type { Windtunnel, WindtunnelSettings } from './start-windtunnel.ts'

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** A windtunnel on free ports for one test, with a client for its control server. */
export interface RunningWindtunnel {
  readonly windtunnel: Windtunnel
  readonly client: WindtunnelClient
  readonly dataDir: string
  /** A connection to a provider, greeted and past EHLO; from another loopback address when one is given. */
  readonly visit: (provider: string, from?: string) => Promise<Conversation>
  /** Stops and starts again on the same data. */
  readonly restart: () => Promise<void>
}

interface Options {
  readonly clock?: Clock
  readonly settings?: Partial<WindtunnelSettings>
  readonly habits?: Readonly<Record<string, HabitsChange>>
}

/** Starts one for the test `t`; everything is stopped and deleted when it ends. */
export async function runWindtunnel(t: TestContext, options: Options = {}): Promise<RunningWindtunnel> {
  const dataDir = await mkdtemp(join(tmpdir(), 'windtunnel-'))
  const settings: WindtunnelSettings = {
    dataDir,
    seed: 1,
    dns: { host: '127.0.0.1', port: 0 },
    smtpPort: 0,
    control: { host: '127.0.0.1', port: 0 },
    ...options.settings,
  }
  let running = await start(options, settings)
  t.after(async () => {
    running.client.close()
    await running.windtunnel.stop()
    await rm(dataDir, { recursive: true, force: true })
  })
  return {
    get windtunnel() {
      return running.windtunnel
    },
    get client() {
      return running.client
    },
    dataDir,
    visit: async (provider, from) => {
      const { windtunnel } = running
      const conversation = await converse(windtunnel.addressOf(provider), windtunnel.smtpPort, from)
      t.after(() => conversation.end())
      await conversation.say('EHLO sender.example\r\n')
      return conversation
    },
    restart: async () => {
      running.client.close()
      await running.windtunnel.stop()
      running = await start(options, settings)
    },
  }
}

async function start(options: Options, settings: WindtunnelSettings) {
  const windtunnel = await startWindtunnel({ clock: options.clock ?? systemClock, log: QUIET }, settings)
  const client = createWindtunnelClient(windtunnel.control)
  for (const [name, change] of Object.entries(options.habits ?? {})) await client.changeHabits(name, change)
  return { windtunnel, client }
}
