import type { Reply } from '@pigeon/mail/smtp-reply.ts'

/** What an attempt keeps of its conversation; a longer one ends with a note. */
export const MAX_TRANSCRIPT_CHARS = 8_192
const MAX_LINE_CHARS = 1_024

/** The lines of one conversation, as people read them: `C: MAIL FROM:<...>`, `S: 250 2.1.0 Ok`, `* remark`. */
export interface Transcript {
  /** What we sent, without its line end. */
  client(line: string): void
  server(reply: Reply): void
  remark(text: string): void
  clear(): void
  text(): string
}

export function createTranscript(): Transcript {
  let text = ''
  let isFull = false

  function add(line: string): void {
    if (isFull) return
    const short = line.length > MAX_LINE_CHARS ? `${line.slice(0, MAX_LINE_CHARS)}...` : line
    if (text.length + short.length + 1 > MAX_TRANSCRIPT_CHARS) {
      isFull = true
      text += '* (cut here)\n'
    } else {
      text += `${short}\n`
    }
  }
  return {
    client: (line) => add(`C: ${line}`),
    server(reply) {
      const last = reply.lines.length - 1
      for (const [i, line] of reply.lines.entries()) add(`S: ${reply.code}${i === last ? ' ' : '-'}${line}`)
    },
    remark: (remark) => add(`* ${remark}`),
    clear() {
      text = ''
      isFull = false
    },
    text: () => text,
  }
}
