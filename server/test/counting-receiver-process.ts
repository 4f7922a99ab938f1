// Runs as a child of benchmarks: answers every request, tells its port, and how many there were when it is asked.
import { createServer } from 'node:http'

let requests = 0
const server = createServer((incoming, response) => {
  incoming.resume()
  incoming.on('end', () => {
    requests += 1
    response.writeHead(204).end()
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.(typeof address === 'object' ? address?.port : 0)
})
process.on('message', () => process.send?.(requests))
process.on('disconnect', () => process.exit(0))
