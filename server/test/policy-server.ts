import { createServer } from 'node:https'
import type { ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import type { TestCertificate } from './test-certificates.ts'

/** An HTTPS server on loopback that answers as a test tells it. */
export interface PolicyServer {
  readonly port: number
  /** `HOST PATH`, in the order of the requests. */
  readonly asked: string[]
  /** What is answered from now on: text as a policy, or anything. */
  answer: string | ((response: ServerResponse) => void)
}

export async function startPolicyServer(
  t: TestContext,
  certificate: TestCertificate,
  answer: PolicyServer['answer'],
): Promise<PolicyServer> {
  const server = createServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
    one.asked.push(`${request.headers.host?.split(':')[0] ?? ''} ${request.url ?? ''}`)
    if (typeof one.answer === 'function') return one.answer(response)
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    return response.end(one.answer)
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The policy server has no port.')
  const one: PolicyServer = { port: address.port, asked: [], answer }
  return one
}
