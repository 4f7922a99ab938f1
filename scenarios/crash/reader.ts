/** Takes what comes through a socket apart; the bytes are kept as they are (latin1). */
export interface Reader {
  push(this: void, chunk: Buffer): void
  end(): void
  /** What comes up to this mark, and the mark; undefined when the connection ends before. */
  until(mark: string): Promise<string | undefined>
  /** All lines of an SMTP reply (RFC 5321 4.2.1: the last has a blank after its code). */
  reply(): Promise<string | undefined>
}

export function createReader(): Reader {
  let buffered = ''
  let isEnded = false
  let more = Promise.withResolvers<void>()

  function wake(): void {
    more.resolve()
    more = Promise.withResolvers()
  }

  async function until(mark: string): Promise<string | undefined> {
    for (;;) {
      const at = buffered.indexOf(mark)
      if (at >= 0) {
        const text = buffered.slice(0, at + mark.length)
        buffered = buffered.slice(text.length)
        return text
      }
      if (isEnded) return undefined
      await more.promise
    }
  }

  return {
    push: (chunk) => {
      buffered += chunk.toString('latin1')
      wake()
    },
    end: () => {
      isEnded = true
      wake()
    },
    until,
    reply: async () => {
      let lines = ''
      for (;;) {
        const line = await until('\r\n')
        if (line === undefined) return undefined
        lines += line
        if (line[3] !== '-') return lines
      }
    },
  }
}
