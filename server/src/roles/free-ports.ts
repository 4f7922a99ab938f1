import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/**
 * Below the ports that systems lend to outgoing connections (from 32768 on Linux, 49152 elsewhere): what is free now
 * is not taken by somebody's connection before we listen.
 */
export const FIRST_PORT = 20_000
export const LAST_PORT = 32_767
const MAX_TRIES = 200
const EVERY_ADDRESS = '0.0.0.0'

interface Held {
  readonly port: number
  release(): Promise<void>
}

/**
 * Finds `count` different ports that are free for TCP and UDP on every address of this machine, the loopback addresses
 * of simulated receivers included. They are held until all are found, then let go. `propose` says which is tried next.
 */
export async function freePorts(count: number, propose: () => number = anyPort): Promise<number[]> {
  const held: Held[] = []
  try {
    for (let tries = 0; held.length < count; tries += 1) {
      if (tries === MAX_TRIES)
        throw new Error(`No ${count} free ports were found between ${FIRST_PORT} and ${LAST_PORT}.`)
      const found = await hold(propose())
      if (found !== undefined) held.push(found)
    }
    return held.map(({ port }) => port)
  } finally {
    await Promise.all(held.map((each) => each.release()))
  }
}

function anyPort(): number {
  return randomInt(FIRST_PORT, LAST_PORT + 1)
}

async function hold(port: number): Promise<Held | undefined> {
  const tcp = await listenTcp(port)
  if (tcp === undefined) return undefined
  const udp = await listenUdp(port)
  if (udp === undefined) {
    await closed(tcp)
    return undefined
  }
  return { port, release: async () => void (await Promise.all([closed(tcp), closed(udp)])) }
}

async function listenTcp(port: number): Promise<Server | undefined> {
  const server = createServer()
  server.listen({ port, host: EVERY_ADDRESS, exclusive: true })
  return (await isBound(server)) ? server : undefined
}

async function listenUdp(port: number): Promise<Socket | undefined> {
  const socket = createSocket('udp4')
  socket.bind({ port, address: EVERY_ADDRESS, exclusive: true })
  return (await isBound(socket)) ? socket : undefined
}

async function isBound(what: Server | Socket): Promise<boolean> {
  try {
    await once(what, 'listening')
    return true
  } catch {
    // Taken, or not ours to use: the next one is tried.
    return false
  }
}

function closed(what: Server | Socket): Promise<void> {
  return new Promise((resolve) => {
    what.close(() => resolve())
  })
}
