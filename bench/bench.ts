import { parseArgs } from 'node:util'
import { benchBounces } from './bounces.ts'
import { benchDelivery } from './delivery.ts'
import { benchFanOut } from './fanout.ts'
import { benchImport } from './import.ts'
import { benchLanes } from './lanes.ts'

const USAGE = `npm run --silent bench -- COMMAND

Starts a platform of its own on a temporary data directory and measures it. Progress goes to standard error; the last line
of standard output is one JSON object.

  delivery [--messages 20000] [--size 10240]   a personalised campaign, signed twice, to a plain sink on this machine
           --peers                             to smtp-sink, beside Postfix with OpenDKIM and Haraka (root; see .ci/install-peers)
           --latency 40                        over a wire that takes this many ms there and back
  lanes    [--messages 200000] [--minutes 10]  500 lanes, 50 of them suspended and 100 throttled, beside fewer
  import   [--rows 1000000]                    a CSV file through the public API
  fanout   [--contacts 1000000]                a campaign becomes messages; nothing is delivered
  bounces  [--mails FOLDER] [--seconds 5]      mails that came back are read, on one core; no platform is started
`

const { values, positionals } = readArgs()
const [name = ''] = positionals
const benches: Readonly<Record<string, () => Promise<object>>> = {
  delivery: () =>
    benchDelivery({
      messages: wholeNumber('messages', values.messages, 20_000),
      size: wholeNumber('size', values.size, 10_240),
      isBesidePeers: values.peers ?? false,
      latencyMs: values.latency === undefined ? 0 : wholeNumber('latency', values.latency, 0),
    }),
  lanes: () =>
    benchLanes({
      messages: wholeNumber('messages', values.messages, 200_000),
      size: wholeNumber('size', values.size, 10_240),
      minutes: wholeNumber('minutes', values.minutes, 10),
    }),
  import: () => benchImport({ rows: wholeNumber('rows', values.rows, 1_000_000) }),
  bounces: () => benchBounces({ mails: values.mails, seconds: wholeNumber('seconds', values.seconds, 5) }),
  fanout: () => benchFanOut({ contacts: wholeNumber('contacts', values.contacts, 1_000_000) }),
}
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
if (values.peers === true && values.latency !== undefined)
  usage('--peers and --latency are two benchmarks: one at a time.')
if (bench === undefined || positionals.length > 1)
  usage(name === '' ? '' : `There is no benchmark "${positionals.join(' ')}".`)
process.stdout.write(`${JSON.stringify(await bench())}\n`)

function readArgs() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        messages: { type: 'string' },
        size: { type: 'string' },
        peers: { type: 'boolean' },
        latency: { type: 'string' },
        minutes: { type: 'string' },
        rows: { type: 'string' },
        contacts: { type: 'string' },
        mails: { type: 'string' },
        seconds: { type: 'string' },
      },
    })
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

function wholeNumber(option: string, given: string | undefined, preset: number): number {
  const value = Number(given ?? preset)
  if (Number.isInteger(value) && value > 0) return value
  return usage(`--${option} takes a whole number above 0.`)
}

function usage(problem: string): never {
  process.stderr.write(problem === '' ? USAGE : `${problem}\n\n${USAGE}`)
  process.exit(2)
}
