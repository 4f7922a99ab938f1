import { randomInt } from 'node:crypto'
import { FIRST_PORT, freePorts, LAST_PORT } from '#roles/free-ports.ts'

/** Test files that may run at the same time. */
const MAX_WORKERS = 8
const PORTS = Math.floor((LAST_PORT + 1 - FIRST_PORT) / MAX_WORKERS)
/** Counted from 1 by node:test; a file that is run by itself has none. */
const worker = Number(process.env['NODE_TEST_WORKER_ID'] ?? '1') % MAX_WORKERS
let next = randomInt(PORTS)

/**
 * Free ports for what a test starts. Between the choice of a port and the moment at which somebody listens there are
 * seconds: files that run at the same time choose from ranges of their own, and a file chooses no port twice.
 */
export async function testPorts(count: number): Promise<number[]> {
  return freePorts(count, () => {
    next = (next + 1) % PORTS
    return FIRST_PORT + worker * PORTS + next
  })
}
