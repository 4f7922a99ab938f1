import { paginate, take, type Pigeon } from '@pigeon/sdk'
import { Failure, usageFailure } from '#exit-codes.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The id of a list that is named by its id or by its name. */
export async function listId(pigeon: Pigeon, idOrName: string): Promise<string> {
  const all = paginate((page) => take(pigeon.GET('/v1/lists', { params: { query: { ...page } } })))
  return idOf('list', idOrName, all)
}

export async function templateId(pigeon: Pigeon, idOrName: string): Promise<string> {
  const all = paginate((page) => take(pigeon.GET('/v1/templates', { params: { query: { ...page } } })))
  return idOf('template', idOrName, all)
}

export async function domainId(pigeon: Pigeon, idOrName: string): Promise<string> {
  const all = paginate((page) => take(pigeon.GET('/v1/domains', { params: { query: { ...page } } })))
  return idOf('domain', idOrName.toLowerCase(), all)
}

export async function sourceId(pigeon: Pigeon, idOrName: string): Promise<string> {
  const all = paginate((page) => take(pigeon.GET('/v1/sources', { params: { query: { ...page } } })))
  return idOf('source', idOrName, all)
}

export async function poolId(pigeon: Pigeon, idOrName: string): Promise<string> {
  const all = paginate((page) => take(pigeon.GET('/v1/pools', { params: { query: { ...page } } })))
  return idOf('pool', idOrName, all)
}

/** The id of a campaign; `latest` is the newest one. */
export async function campaignId(pigeon: Pigeon, text: string): Promise<string> {
  if (text !== 'latest') return checkedId('a campaign', text)
  const { data } = await take(pigeon.GET('/v1/campaigns', { params: { query: { limit: 1 } } }))
  const [newest] = data
  if (newest === undefined) throw new Failure('There is no campaign yet.')
  return newest.id
}

/** An id is checked here, so that a slip is a clear sentence. */
export function checkedId(what: string, text: string): string {
  if (UUID.test(text)) return text
  throw usageFailure(`${JSON.stringify(text)} is not the id of ${what}.`)
}

async function idOf(
  what: string,
  idOrName: string,
  all: AsyncIterable<{ readonly id: string; readonly name: string }>,
): Promise<string> {
  if (UUID.test(idOrName)) return idOrName
  const found: string[] = []
  for await (const each of all) if (each.name === idOrName) found.push(each.id)
  const [first, second] = found
  if (first === undefined) throw new Failure(`There is no ${what} called ${JSON.stringify(idOrName)}.`)
  if (second === undefined) return first
  throw new Failure(
    `${found.length} ${what}s are called ${JSON.stringify(idOrName)}. Give the id: ${found.join(', ')}.`,
  )
}
