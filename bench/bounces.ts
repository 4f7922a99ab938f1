import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readReturnedMail } from '@pigeon/mail/bounces/read-returned-mail.ts'
import { SAMPLE_BOUNCES } from '@pigeon/mail/bounces/sample-bounces.ts'
import { SAMPLE_AUTO_REPLIES, sampleComplaints } from '@pigeon/mail/bounces/sample-complaints.ts'
import PostalMime from 'postal-mime'
import { ratio, round, say } from './measure.ts'

export interface BouncesBench {
  /** A folder of .eml files; undefined: the samples of packages/mail. */
  readonly mails: string | undefined
  readonly seconds: number
}

/** Reading so many mails first lets the engine compile what it will. */
const WARM_UP_ROUNDS = 3

/** How many mails that came back one core reads in a second, beside how many of the same postal-mime only takes apart. */
export async function benchBounces({ mails, seconds }: BouncesBench): Promise<object> {
  const all = mails === undefined ? samples() : await mailsIn(mails)
  const octets = all.reduce((total, mail) => total + mail.length, 0)
  say(
    `${all.length} mails of ${Math.round(octets / all.length)} octets on average, ${seconds} s for each reader.`,
  )
  const pigeon = await ratePerSecond(all, seconds, (mail) => void readReturnedMail(mail))
  const raw = await ratePerSecond(all, seconds, async (mail) => void (await PostalMime.parse(mail)))
  return {
    bench: 'bounces',
    mails: all.length,
    mean_octets: Math.round(octets / all.length),
    mails_per_second: round(pigeon),
    raw_mails_per_second: round(raw),
    ratio: ratio(pigeon, raw),
    recognised: all.filter((mail) => readReturnedMail(mail).kind !== 'unknown').length,
  }
}

function samples(): Buffer[] {
  const texts = [...SAMPLE_BOUNCES.map(({ text }) => text), ...sampleComplaints(), ...SAMPLE_AUTO_REPLIES]
  return texts.map((text) => Buffer.from(text.replaceAll('\n', '\r\n')))
}

async function mailsIn(folder: string): Promise<Buffer[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.eml')).sort()
  if (names.length === 0) throw new Error(`There is no .eml file in ${folder}.`)
  return Promise.all(names.map((name) => readFile(join(folder, name))))
}

/** In processor time of this process, which has one thread at work: what else runs on the machine does not count. */
async function ratePerSecond(
  mails: readonly Buffer[],
  seconds: number,
  read: (mail: Buffer) => void | Promise<void>,
): Promise<number> {
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) for (const mail of mails) await read(mail)
  const startedAt = process.cpuUsage()
  const spent = (): number => {
    const { user, system } = process.cpuUsage(startedAt)
    return (user + system) / 1e6
  }
  let count = 0
  while (spent() < seconds) {
    for (const mail of mails) await read(mail)
    count += mails.length
  }
  return count / spent()
}
