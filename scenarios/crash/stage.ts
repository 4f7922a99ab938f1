import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contactsCsv, listOf, openAccount, type Account } from '@pigeon/scenarios/account.ts'
import { runPlatform, type DatabaseSession, type PlatformScope } from '@pigeon/server/test/platform.ts'
import { openGate, type Gate } from './gate.ts'

/** A receiving site that all mail for it reaches through a gate, and whose mail one process delivers. */
export interface Site {
  readonly domain: string
  readonly gate: Gate
}

/** One platform for many kills, an account on it, and gates before the receivers. */
export interface Stage {
  readonly account: Account
  readonly sites: readonly Site[]
  readonly listId: string
  readonly contacts: number
  readonly session: DatabaseSession
  /** Lets some mail through each gate: enough to bring about any point, and so little that it lasts for all of them. */
  letThrough(): void
}

/** Which process delivers for a site, counted from 0, and the partition of its outcomes. */
export interface SiteOwner {
  readonly process: number
  readonly shard: number
}

/** Each site has a process of its own: one that is killed again within seconds is started ever later. */
const SITES = ['one-mail.example', 'two-mail.example', 'three-mail.example', 'four-mail.example']
/** Open connections of a site: so many final dots may be without an answer. */
export const CONNECTIONS = 8
/** New connections come often, so that their first steps are met often: of what is let through at a point, several. */
const MESSAGES_A_CONNECTION = 2
/** The windtunnel's receiver that accepts everything. */
const RECEIVER = '127.10.1.6'
const FANOUT_CHUNK = 500

export interface StageInput {
  readonly contacts: number
  /** How often `letThrough` is called in a campaign. */
  readonly points: number
  /** Those that deliver. Default: one for each site. */
  readonly processes?: number
}

export async function openStage(scope: PlatformScope, input: StageInput): Promise<Stage> {
  const { contacts, points, processes = SITES.length } = input
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-crash-'))
  const shaping = join(dir, 'shaping.json')
  const lane = {
    connections: CONNECTIONS,
    messages_per_connection: MESSAGES_A_CONNECTION,
    connections_per_minute: null,
  }
  await writeFile(shaping, JSON.stringify({ default: { lane } }))
  const cleanUps: (() => Promise<void>)[] = []
  scope.after(async () => {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
    await rm(dir, { recursive: true, force: true })
  })
  const platform = await runPlatform(
    { after: (cleanUp) => void cleanUps.push(cleanUp) },
    {
      PIGEON_SHAPING_FILE: shaping,
      PIGEON_DELIVER_PROCESSES: String(processes),
      PIGEON_FANOUT_CHUNK: String(FANOUT_CHUNK),
    },
  )
  const port = Number(platform.env.PIGEON_WINDTUNNEL_SMTP_PORT)
  const sites: Site[] = []
  for (const [n, domain] of SITES.entries()) {
    const gate = await openGate({ address: `127.10.9.${n + 1}`, port, receiver: RECEIVER })
    cleanUps.push(gate.close)
    sites.push({ domain, gate })
  }
  await platform.windtunnel.publish(
    sites.flatMap(({ domain, gate }) => [
      { name: domain, type: 'MX', data: `10 mx.${domain}` },
      { name: `mx.${domain}`, type: 'A', data: gate.address },
    ]),
  )
  const account = await openAccount(platform)
  const session = await platform.session()
  cleanUps.push(session.close)
  const share = Math.floor(contacts / SITES.length / (points + 1))
  return {
    account,
    sites,
    listId: await listOf(account, 'All', contactsCsv(contacts, SITES)),
    contacts,
    session,
    letThrough: () => {
      for (const { gate } of sites) gate.allow(share)
    },
  }
}

/** Undefined until the site has been routed and its shard has been taken. */
export async function ownerOf({ session }: Stage, site: Site): Promise<SiteOwner | undefined> {
  const [row] = await session.query(
    `select s.id, s.owner from destinations d join shards s on s.id = d.shard where d.provider = $1`,
    [site.domain],
  )
  const name = /^deliver-(\d+)$/.exec(String(row?.owner))?.[1]
  return name === undefined ? undefined : { process: Number(name) - 1, shard: Number(row?.id) }
}
