import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { classifyReply } from '@pigeon/mail/classify-reply.ts'

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))
const CORPUS = join(process.env.PIGEON_CORPUS ?? join(REPOSITORY, '..', 'shared', 'corpus'), 'bounces')
const CLASSES = new URL('../../../docs/bounce-classes.md', import.meta.url)
const LEAST_AGREEMENT = 0.85

interface Label {
  readonly recipient: string
  readonly reason: string
}

interface Diagnosed {
  readonly file: string
  readonly reason: string
  readonly diagnostic: string
  readonly status: string
}

test('the class of a Diagnostic-Code agrees with the label of its bounce', async (t) => {
  const allowed = await readMapping()
  const labels: Record<string, Label[]> = JSON.parse(await readFile(join(CORPUS, 'labels.json'), 'utf8'))
  const found: Diagnosed[] = []
  for (const [file, rows] of Object.entries(labels))
    found.push(...diagnosed(file, await readFile(join(CORPUS, 'eml', file), 'latin1'), rows))
  const wrong = found.flatMap(({ file, reason, diagnostic, status }) => {
    const { class: said } = classifyReply(reading(diagnostic, status))
    const right = allowed.get(reason)
    assert.ok(right, `docs/bounce-classes.md says nothing of ${reason}`)
    return right.includes(said) ? [] : [`${file}: ${reason}, not ${said}: ${diagnostic.slice(0, 120)}`]
  })
  const share = 1 - wrong.length / found.length
  for (const line of wrong) t.diagnostic(line)
  t.diagnostic(`${found.length} Diagnostic-Codes, ${(share * 100).toFixed(1)}% agree`)
  assert.ok(found.length > 150, `${found.length} found`)
  assert.ok(share >= LEAST_AGREEMENT, `${share}`)
})

/** The table of docs/bounce-classes.md. */
async function readMapping(): Promise<Map<string, string[]>> {
  const text = await readFile(CLASSES, 'utf8')
  const rows = [...text.matchAll(/^\| (\w+) +\| ([\w, ]+?) +\|$/gm)]
  return new Map(rows.map(([, reason = '', classes = '']) => [reason, classes.split(', ')]))
}

/** The recipients of a delivery report (RFC 3464) that have a Diagnostic-Code and one label. */
function diagnosed(file: string, raw: string, rows: readonly Label[]): Diagnosed[] {
  const unfolded = raw.replace(/\r\n?/g, '\n').replace(/\n[ \t]+/g, ' ')
  const fields = unfolded.split('\n\n').flatMap((block) => {
    const diagnostic = field(block, 'Diagnostic-Code')
    if (diagnostic === undefined) return []
    const recipient = /;\s*<?([^>\s]+)/.exec(
      field(block, 'Final-Recipient') ?? field(block, 'Original-Recipient') ?? '',
    )?.[1]
    return [{ diagnostic, recipient, status: field(block, 'Status') ?? '' }]
  })
  return fields.flatMap(({ diagnostic, recipient, status }) => {
    const named = rows.find((row) => row.recipient.toLowerCase() === recipient?.toLowerCase())
    const label = named ?? (rows.length === 1 && fields.length === 1 ? rows[0] : undefined)
    return label === undefined ? [] : [{ file, reason: label.reason, diagnostic, status }]
  })
}

function field(block: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(block)?.[1]
}

/** The reply in a Diagnostic-Code: its type is dropped, and the codes that stand at the head of every line. */
function reading(diagnostic: string, status: string) {
  const said = diagnostic.replace(/^[\w-]+;\s*/, '')
  const code = /\b([45]\d\d)\b/.exec(said)?.[1] ?? (status.startsWith('4') ? '450' : '550')
  const enhanced =
    /\b([45]\.\d{1,3}\.\d{1,3})\b/.exec(said)?.[1] ?? (/^[45]\.\d+\.\d+/.exec(status)?.[0] || undefined)
  const text = said.replaceAll(new RegExp(`\\b${code}[ -]+(?:[45]\\.\\d+\\.\\d+)?`, 'g'), '')
  return { code: Number(code), enhanced, text: text.trim(), phase: 'body' as const }
}
