import { randomBytes } from 'node:crypto'

export interface Multipart {
  readonly contentType: string
  readonly body: ReadableStream<Uint8Array>
}

/**
 * A form with one file (RFC 7578), read from disk as it is sent, that says how many bytes of the file have left. The
 * file comes last: the server streams it and must know the fields before.
 */
export function multipart(
  fields: Readonly<Record<string, string | undefined>>,
  file: { readonly name: string; readonly blob: Blob },
  onBytes: (sent: number) => void,
): Multipart {
  const boundary = `pigeon-${randomBytes(16).toString('hex')}`
  async function* parts(): AsyncGenerator<Uint8Array> {
    const bytes = new TextEncoder()
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) continue
      yield bytes.encode(
        `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"\r\n\r\n${value}\r\n`,
      )
    }
    yield bytes.encode(
      `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${quoted(file.name)}"\r\ncontent-type: text/csv\r\n\r\n`,
    )
    let sent = 0
    for await (const chunk of file.blob.stream()) {
      yield chunk
      sent += chunk.byteLength
      onBytes(sent)
    }
    yield bytes.encode(`\r\n--${boundary}--\r\n`)
  }
  return { contentType: `multipart/form-data; boundary=${boundary}`, body: ReadableStream.from(parts()) }
}

/** As browsers write it (WHATWG, multipart/form-data): the three characters that would end the name. */
function quoted(text: string): string {
  return text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
