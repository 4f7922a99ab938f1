/**
 * Writes everything that is generated: the reference of settings, the database's schema and types, the API document
 * and the SDK's types. `--check` writes nothing and fails when a file differs from what would be written.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { apiFiles } from './generate-api.ts'
import { configFiles } from './generate-config.ts'
import { databaseFiles } from './generate-database.ts'

const isCheck = process.argv.includes('--check')
const files: Record<string, string> = { ...configFiles(), ...(await databaseFiles()), ...(await apiFiles()) }

const stale = Object.entries(files).filter(([path, content]) => readIfThere(path) !== content)
for (const [path, content] of stale) {
  if (isCheck) {
    process.stderr.write(`${path} is not what the code says: run npm run generate and commit it.\n`)
    continue
  }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  process.stdout.write(`wrote ${path}\n`)
}
process.stdout.write(
  `${Object.keys(files).length} generated files, ${stale.length} ${isCheck ? 'stale' : 'changed'}\n`,
)
process.exit(isCheck && stale.length > 0 ? 1 : 0)

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
