import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What a process that is gone left in its journal, and those before it whose journals are not forgotten yet. */
export interface LeftJournal {
  /** Attempts, as `dotOf` writes them. */
  readonly dots: ReadonlySet<string>
  /** Ids of messages. */
  readonly delivered: ReadonlySet<string>
}

export function dotOf(messageId: string, attempt: number): string {
  return `${messageId}/${attempt}`
}

const CHECKSUM_CHARS = 9

/** Reads the journal of a deliver process, counted from 0. A line that its end has torn is no entry. */
export async function readJournal(dataDir: string, process: number): Promise<LeftJournal> {
  const dir = join(dataDir, 'journal', `deliver-${process + 1}`)
  const dots = new Set<string>()
  const delivered = new Set<string>()
  const names = (await readdir(dir)).filter((name) => name.endsWith('.journal'))
  for (const name of names.sort()) {
    // A segment whose outcomes are all stored may go at any moment.
    const text = await readFile(join(dir, name), 'utf8').catch(() => '')
    for (const line of text.split('\n').slice(0, -1)) {
      const entry = JSON.parse(line.slice(CHECKSUM_CHARS)) as JournalLine
      if (entry.kind === 'dot') dots.add(dotOf(entry.dot.messageId, entry.dot.attempt))
      else if (entry.outcome.event.type === 'delivered') delivered.add(entry.outcome.event.messageId)
    }
  }
  return { dots, delivered }
}

/** As server/src/delivery/journal-entry.ts writes it. */
type JournalLine =
  | { readonly kind: 'dot'; readonly dot: { readonly messageId: string; readonly attempt: number } }
  | {
      readonly kind: 'outcome'
      readonly outcome: { readonly event: { readonly type: string; readonly messageId: string } }
    }
