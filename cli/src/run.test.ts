import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { COMMANDS } from '#commands.ts'
import { run } from '#run.ts'
import { sessionFile } from '#session.ts'
import type { Settings } from '#settings.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command line with settings of its own; nothing of the environment is read. */
async function pigeon(args: readonly string[], settings: Partial<Settings> = {}): Promise<Ran> {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: keyof typeof texts) => ({
    write: (content: string | Uint8Array) => (texts[name] += Buffer.from(content).toString()),
  })
  const all = {
    url: undefined,
    apiKey: undefined,
    password: undefined,
    configDir: '/nonexistent',
    ...settings,
  }
  const code = await run(args, all, { stdout: stream('stdout'), stderr: stream('stderr') })
  return { code, ...texts }
}

async function serve(t: TestContext, handler: Handler): Promise<string> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  // An address of TCP, as listen was given one.
  const { port } = server.address() as AddressInfo
  return `http://127.0.0.1:${port}`
}

function answer(response: ServerResponse, status: number, body: object): void {
  const kind = status < 400 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'content-type': kind }).end(JSON.stringify(body))
}

test('every command has a help with an example, and no two have the same name', async () => {
  assert.equal(new Set(COMMANDS.map(({ name }) => name)).size, COMMANDS.length)
  for (const command of COMMANDS) {
    assert.match(command.help(), new RegExp(`Example\\n  (.* )?pigeon ${command.name}`), command.name)
    assert.match(command.help(), new RegExp(`^  pigeon ${command.name}`, 'm'))
  }
})

test('what is wrong with a command line is said, with exit code 2', async () => {
  const lines: [string[], RegExp][] = [
    [['frobnicate'], /There is no command "frobnicate"/],
    [['lists', 'frobnicate'], /There is no command "lists frobnicate"/],
    [['lists', 'create'], /NAME is missing/],
    [['lists', 'create', 'a', 'b'], /"b" is too much/],
    [['lists', 'list', '--bogus'], /Unknown option '--bogus'/],
    [['lists', 'list', '--url'], /--url/],
    [['lists', 'list', '--url', 'ftp://x'], /is not an address like/],
    [['contacts', 'import', 'x.csv'], /Give --list/],
    [['contacts', 'import', 'x.csv', '--list', 'a', '--on-existing', 'both'], /one of upsert, skip/],
    [['contacts', 'import', 'x.csv', '--list', 'a', '--mapping', '{'], /--mapping is not JSON/],
    [['templates', 'create', '--name', 'a', '--subject', 'b'], /either --mjml or --html/],
    [['demo'], /Give --contacts-file and --template-file and --template-description and --from/],
  ]
  for (const [args, words] of lines) {
    const { code, stderr, stdout } = await pigeon(args)
    assert.equal(code, 2, args.join(' '))
    assert.match(stderr, words)
    assert.equal(stdout, '')
  }
})

test('without a command the commands are listed; asked for, they are the result', async () => {
  const bare = await pigeon([])
  assert.equal(bare.code, 2)
  assert.match(bare.stderr, /pigeon campaigns watch/)
  const asked = await pigeon(['--help'])
  assert.equal(asked.code, 0)
  assert.match(asked.stdout, /0 ok, 1 refused or failed, 2 wrong usage/)
  const group = await pigeon(['lists', '--help'])
  assert.match(group.stdout, /pigeon lists create/)
  assert.doesNotMatch(group.stdout, /pigeon campaigns/)
})

test('a server that is not there is exit code 3 and a sentence', async () => {
  const gone = createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  // As above.
  const { port } = gone.address() as AddressInfo
  gone.close()
  await once(gone, 'close')
  const { code, stderr } = await pigeon(['lists', 'list'], { url: `http://127.0.0.1:${port}`, apiKey: 'k' })
  assert.equal(code, 3)
  assert.match(stderr, /cannot be reached \(ECONNREFUSED\)\. Is Pigeon running there\?/)
})

test('without a sign-in nothing is asked of the server, and the exit code is 4', async () => {
  const { code, stderr } = await pigeon(['lists', 'list'], { url: 'http://127.0.0.1:9' })
  assert.equal(code, 4)
  assert.match(stderr, /You are not signed in at http:\/\/127\.0\.0\.1:9\.\nRun pigeon login/)
})

test('a key that the server refuses is exit code 4', async (t) => {
  const url = await serve(t, (_request, response) =>
    answer(response, 401, { code: 'auth.bad_key', detail: 'This API key is revoked.', status: 401 }),
  )
  const { code, stderr } = await pigeon(['lists', 'list'], { url, apiKey: 'k' })
  assert.equal(code, 4)
  assert.match(stderr, /This API key is revoked\./)
})

test('a refusal is exit code 1 with its sentence and fields, once each and without control characters', async (t) => {
  const url = await serve(t, (_request, response) =>
    answer(response, 422, {
      code: 'x',
      detail: 'Correct what `errors` names.',
      status: 422,
      errors: [{ field: 'name', code: 'y', message: 'Bad \u001b]0;title\u0007 name.' }],
    }),
  )
  const { code, stderr } = await pigeon(['lists', 'create', 'x'], { url, apiKey: 'k' })
  assert.equal(code, 1)
  assert.equal(stderr, 'Correct what `errors` names.\n  name: Bad \ufffd]0;title\ufffd name.\n')
})

test('with --json the result is one line of JSON on standard output', async (t) => {
  const list = { id: 'a', name: 'A', status: 'active', subscribed: 1, unsubscribed: 0 }
  const url = await serve(t, (request, response) => {
    assert.equal(request.headers.authorization, 'Bearer k')
    answer(response, 200, { data: [list], has_more: false, next_cursor: null })
  })
  const { code, stdout, stderr } = await pigeon(['lists', 'list', '--json'], { url, apiKey: 'k' })
  assert.deepEqual({ code, stdout: JSON.parse(stdout), stderr }, { code: 0, stdout: [list], stderr: '' })
  assert.equal(stdout.split('\n').length, 2)
})

test('a sign-in is kept for its server alone, in a file that only its owner may read', async (t) => {
  const configDir = await mkdtemp(join(tmpdir(), 'pigeon-cli-'))
  t.after(() => rm(configDir, { recursive: true }))
  const seen: (string | undefined)[] = []
  const handler: Handler = (request, response) => {
    if (request.url === '/v1/setup') return answer(response, 200, { needed: false })
    if (request.url === '/v1/auth/login') {
      const user = { email: 'a@b.example', role: 'owner' }
      return answer(response, 200, { access_token: 'secret', expires_at: '2999-01-01T00:00:00Z', user })
    }
    if (request.url === '/v1/auth/logout') return void response.writeHead(204).end()
    seen.push(request.headers.authorization)
    return answer(response, 200, { data: [], has_more: false, next_cursor: null })
  }
  const [url, other] = [await serve(t, handler), await serve(t, handler)]
  const settings = { configDir, password: 'p' }
  assert.equal((await pigeon(['login', '--email', 'a@b.example', '--url', url], settings)).code, 0)
  const file = sessionFile(configDir)
  assert.equal((await stat(file)).mode & 0o777, 0o600)

  assert.equal((await pigeon(['lists', 'list'], settings)).code, 0)
  assert.deepEqual(seen, ['Bearer secret'])
  assert.equal((await pigeon(['lists', 'list', '--url', other], settings)).code, 4)
  assert.equal(seen.length, 1)

  assert.equal((await pigeon(['logout', '--url', url], settings)).code, 0)
  assert.doesNotMatch(await readFile(file, 'utf8'), /secret/)
  assert.equal((await pigeon(['lists', 'list', '--url', url], settings)).code, 4)
})

test('an installation without an owner gets none by accident', async (t) => {
  const url = await serve(t, (request, response) => {
    assert.equal(request.url, '/v1/setup')
    assert.equal(request.method, 'GET')
    answer(response, 200, { needed: true })
  })
  const { code, stderr } = await pigeon(['login', '--email', 'a@b.example', '--url', url], { password: 'p' })
  assert.equal(code, 1)
  assert.match(stderr, /--create-owner/)
})
