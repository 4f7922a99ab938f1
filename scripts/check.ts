/** Format, lint, types, and whether the generated files are up to date. `--fix` formats instead of complaining. */
import { spawnSync } from 'node:child_process'

const isFix = process.argv.includes('--fix')

function step(name: string, command: string, args: readonly string[]): boolean {
  const startedAt = performance.now()
  const result = spawnSync(command, args, { stdio: 'inherit' })
  const isGood = result.status === 0
  process.stdout.write(
    `${isGood ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)\n`,
  )
  return isGood
}

const bin = (name: string): string => `node_modules/.bin/${name}`
const results = isFix
  ? [step('format', bin('oxfmt'), ['.']), step('lint', bin('oxlint'), ['--type-aware', '--fix'])]
  : [
      step('format', bin('oxfmt'), ['--check', '.']),
      step('lint', bin('oxlint'), ['--type-aware', '--deny-warnings']),
      step('types', bin('tsc'), ['-p', '.']),
      step('generated files', process.execPath, ['scripts/generate.ts', '--check']),
    ]
process.exit(results.every(Boolean) ? 0 : 1)
