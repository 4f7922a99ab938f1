import { Problem } from '#platform/problem.ts'
import type { App } from './app.ts'

/** Starts to listen and returns the address. A port that cannot be had is a sentence that names the setting. */
export async function listen(app: App, at: { host: string; port: number }): Promise<string> {
  try {
    return await app.listen(at)
  } catch (error) {
    throw explain(error, at)
  }
}

function explain(error: unknown, { host, port }: { host: string; port: number }): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
      return new Problem(
        'unavailable',
        'http.port_taken',
        `Port ${port} is already in use by another program. Stop that program, or set PIGEON_HTTP_PORT to another port.`,
        { cause: error },
      )
    case 'EACCES':
      return new Problem(
        'unavailable',
        'http.port_forbidden',
        `This user may not listen on port ${port}. Set PIGEON_HTTP_PORT to a port above 1023.`,
        { cause: error },
      )
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Problem(
        'unavailable',
        'http.no_such_address',
        `${host} is not an address of this machine. Set PIGEON_HTTP_HOST to one that is, or to 0.0.0.0.`,
        { cause: error },
      )
    default:
      return error
  }
}

/** Takes no new requests, lets those under way finish, and cuts what is left at the deadline. */
export async function closeApp(app: App, deadlineMs: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), deadlineMs)
  try {
    await app.close()
  } finally {
    clearTimeout(timer)
  }
}
