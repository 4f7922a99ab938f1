import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { run } from '#run.ts'

/** For tests: a server that answers as it is told, and the command line that is signed in to it. */
export async function pretendInstallation(
  t: TestContext,
  /** Of `GET /v1/lanes`; undefined is 204. */
  answerTo: (at: string) => unknown,
) {
  const changes: { at: string; body: unknown }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    const at = `${request.method} ${request.url?.split('?')[0]}`
    const text = Buffer.concat(chunks).toString()
    if (request.method !== 'GET') changes.push({ at, body: text === '' ? undefined : JSON.parse(text) })
    const answer = answerTo(at)
    if (answer === undefined) return void response.writeHead(204).end()
    return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  // An address of TCP, as listen was given one.
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const settings = { url, apiKey: 'k', password: undefined, configDir: '/nonexistent' }
  const pigeon = async (...args: string[]) => {
    const texts = { stdout: '', stderr: '' }
    const stream = (name: keyof typeof texts) => ({
      write: (content: string | Uint8Array) => (texts[name] += Buffer.from(content).toString()),
    })
    const code = await run(args, settings, { stdout: stream('stdout'), stderr: stream('stderr') })
    return { code, ...texts }
  }
  return { changes, pigeon, url }
}
