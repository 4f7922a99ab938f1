/**
 * Kills processes at every point of the protocol and proves each time that nothing is lost.
 * `--seeds 8`: with the seeds 1 to 8; `--seed 17`: with this one; `--point after-dot,in-record`: at these points only.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { parseArgs } from 'node:util'

const DEFAULT_SEEDS = 8
const MAX_SEEDS = 1_000
/** Of one file: a seed takes about a minute on two cores, and a slow machine ten times as long. */
const TIMEOUT_A_SEED_MS = 600_000

const { values } = parseArgs({
  options: { seeds: { type: 'string' }, seed: { type: 'string' }, point: { type: 'string' } },
})

/** The seeds that the arguments mean, with commas. */
function seeds(): number[] {
  if (values.seed !== undefined) return [wholeNumber('seed', values.seed, Number.MAX_SAFE_INTEGER)]
  const count = values.seeds === undefined ? DEFAULT_SEEDS : wholeNumber('seeds', values.seeds, MAX_SEEDS)
  return Array.from({ length: count }, (_, n) => n + 1)
}

function wholeNumber(name: string, text: string, most: number): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value
  process.stderr.write(`--${name} is a whole number from 1 to ${most}, not "${text}".\n`)
  return process.exit(1)
}

const chosen = seeds()
// One seed or one point is asked for to see a failure again: the other scenarios have none.
const isRepeated = values.seed !== undefined || values.point !== undefined
const files = isRepeated
  ? ['scenarios/crash/kill-points.test.ts']
  : globSync('scenarios/crash/*.test.ts').sort()
const args = [
  '--test',
  '--test-concurrency=1',
  `--test-timeout=${TIMEOUT_A_SEED_MS * chosen.length}`,
  '--test-reporter=spec',
  ...files,
]
const child = spawn(process.execPath, args, {
  stdio: 'inherit',
  env: {
    ...process.env,
    PIGEON_CRASH_SEEDS: chosen.join(','),
    ...(values.point === undefined ? {} : { PIGEON_CRASH_POINT: values.point }),
  },
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal))
child.on('exit', (code) => process.exit(code ?? 1))
