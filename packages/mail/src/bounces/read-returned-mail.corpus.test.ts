import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readReturnedMail } from './read-returned-mail.ts'
import type { ReturnedKind, ReturnedRecipient } from './returned-mail.ts'

const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url))
const CORPUS = join(process.env.PIGEON_CORPUS ?? join(REPOSITORY, '..', 'shared', 'corpus'), 'bounces')
const CLASSES = new URL('../../../../docs/bounce-classes.md', import.meta.url)
/** The corpus has 305; far fewer means that the wrong folder is read. */
const LEAST_MAILS = 300
const LEAST = { recognised: 0.99, recipient: 0.97, hardness: 0.95, class: 0.85 } as const

interface Label {
  readonly recipient: string
  readonly reason: string
  readonly hardbounce: boolean
}

/** A report of delay or of success is recognised as what it is: the labels call nearly all mails failures. */
const RECOGNISED: ReadonlySet<ReturnedKind> = new Set(['bounce', 'complaint', 'delayed', 'delivered'])

test('real mails that came back are read as their labels say', async (t) => {
  const allowed = await readMapping()
  const labels: Record<string, Label[]> = JSON.parse(await readFile(join(CORPUS, 'labels.json'), 'utf8'))
  const kinds = new Map<ReturnedKind, number>()
  const right = { recognised: 0, recipient: 0, hardness: 0, class: 0 }
  let rows = 0
  for (const [file, wanted] of Object.entries(labels)) {
    const { kind, recipients } = readReturnedMail(await readFile(join(CORPUS, 'eml', file)))
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    if (RECOGNISED.has(kind)) right.recognised += 1
    for (const label of wanted) {
      rows += 1
      const named = recipients.find((each) => isOf(each, label))
      const found = named ?? (wanted.length === 1 ? recipients[0] : undefined)
      const is = {
        recipient: named !== undefined,
        hardness: found?.hard === label.hardbounce,
        class: found !== undefined && (allowed.get(label.reason) ?? []).includes(found.class),
      }
      for (const what of ['recipient', 'hardness', 'class'] as const) {
        if (is[what]) right[what] += 1
        else
          t.diagnostic(
            `${what}: ${file} ${label.recipient} ${label.reason}, not ${found?.class} ${found?.diagnostic.slice(0, 100)}`,
          )
      }
    }
  }
  const mails = Object.keys(labels).length
  t.diagnostic(`${mails} mails, ${rows} recipients; ${JSON.stringify(Object.fromEntries(kinds))}`)
  for (const what of ['recognised', 'recipient', 'hardness', 'class'] as const) {
    const share = right[what] / (what === 'recognised' ? mails : rows)
    t.diagnostic(`${what}: ${(share * 100).toFixed(1)}%`)
    assert.ok(share >= LEAST[what], `${what}: ${share}`)
  }
  assert.ok(mails >= LEAST_MAILS, `${mails} mails`)
})

test('what is no bounce is not taken for one', async () => {
  const names = await readdir(join(CORPUS, 'not'))
  assert.ok(names.length > 0)
  for (const name of names) {
    const { kind } = readReturnedMail(await readFile(join(CORPUS, 'not', name)))
    assert.ok(kind === 'unknown' || kind === 'auto_reply', `${name}: ${kind}`)
  }
})

function isOf({ recipient, originalRecipient }: ReturnedRecipient, label: Label): boolean {
  const wanted = label.recipient.toLowerCase()
  return recipient.toLowerCase() === wanted || originalRecipient?.toLowerCase() === wanted
}

/** The table of docs/bounce-classes.md. */
async function readMapping(): Promise<Map<string, string[]>> {
  const text = await readFile(CLASSES, 'utf8')
  const rows = [...text.matchAll(/^\| (\w+) +\| ([\w, ]+?) +\|$/gm)]
  return new Map(rows.map(([, reason = '', classes = '']) => [reason, classes.split(', ')]))
}
