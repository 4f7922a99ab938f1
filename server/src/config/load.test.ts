import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Type } from 'typebox'
import { Problem } from '#platform/problem.ts'
import { editDistance, loadConfig, readEnvironment } from './load.ts'
import { deliverProcesses } from './platform.ts'
import { sections, serverSections, type Config } from './sections.ts'
import { defaultText, settingsOf } from './setting.ts'

function refusalOf(env: Record<string, string>): Problem {
  try {
    loadConfig(serverSections, env)
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
  throw new Error('The settings were accepted.')
}

test('an empty environment gives the defaults', () => {
  const config: Config = loadConfig(serverSections, {})
  assert.equal(config.PIGEON_DATA_DIR, './data')
  assert.equal(config.PIGEON_MODE, 'sandbox')
  assert.equal(config.PIGEON_HTTP_PORT, 3000)
  assert.deepEqual(config.PIGEON_DNS_SERVERS, [])
  assert.equal('PIGEON_POSTGRES_URL' in config, false)
})

test('text from the environment becomes numbers, booleans, choices and lists', () => {
  const config = loadConfig(serverSections, {
    PIGEON_HTTP_PORT: ' 8080 ',
    PIGEON_ALLOW_PRIVATE_ADDRESSES: 'Yes',
    PIGEON_MODE: 'LIVE',
    PIGEON_DNS_SERVERS: '9.9.9.9, [::1]:5353,',
    HOME: '/root',
  })
  assert.equal(config.PIGEON_HTTP_PORT, 8080)
  assert.equal(config.PIGEON_ALLOW_PRIVATE_ADDRESSES, true)
  assert.equal(config.PIGEON_MODE, 'live')
  assert.deepEqual(config.PIGEON_DNS_SERVERS, ['9.9.9.9', '[::1]:5353'])
})

test('an empty variable counts as one that is not set', () => {
  assert.equal(loadConfig(serverSections, { PIGEON_HTTP_PORT: '', PIGEON_KEY: ' ' }).PIGEON_HTTP_PORT, 3000)
})

test('every error is listed at once, with the setting, the value and what is allowed', () => {
  const problem = refusalOf({
    PIGEON_HTTP_PORT: '80000',
    PIGEON_MODE: 'production',
    PIGEON_ALLOW_PRIVATE_ADDRESSES: 'perhaps',
    PIGEON_DNS_SERVERS: '9.9.9.9,name.example',
    PIGEON_EHLO_NAME: 'bad name\r\nEHLO',
    PIGEON_FANOUT_CHUNK: '1e9',
  })
  assert.equal(problem.code, 'config.invalid')
  assert.deepEqual(problem.errors.map((error) => error.field).toSorted(), [
    'PIGEON_ALLOW_PRIVATE_ADDRESSES',
    'PIGEON_DNS_SERVERS',
    'PIGEON_EHLO_NAME',
    'PIGEON_FANOUT_CHUNK',
    'PIGEON_HTTP_PORT',
    'PIGEON_MODE',
  ])
  assert.match(problem.message, /PIGEON_HTTP_PORT is "80000"\. Allowed: a whole number from 1 to 65535\./)
  assert.match(problem.message, /PIGEON_MODE is "production"\. Allowed: one of sandbox, live\./)
})

test('the value of a secret never stands in an error', () => {
  const problem = refusalOf({ PIGEON_KEY: 'hunter2-hunter2', PIGEON_POSTGRES_URL: 'mysql://u:hunter2@db' })
  assert.equal(problem.errors.length, 2)
  assert.doesNotMatch(JSON.stringify([problem.message, problem.errors]), /hunter2/)
  assert.match(problem.message, /PIGEON_KEY is a secret of 15 characters/)
})

test('an unknown setting is an error that names the one that was meant', () => {
  const problem = refusalOf({
    PIGEON_HTPP_PORT: '80',
    PIGEON_XYZZY_FROBNICATE_ALL: '1',
    [`PIGEON_${'A'.repeat(100_000)}`]: '1',
  })
  assert.match(
    problem.message,
    /PIGEON_HTPP_PORT is not a setting of Pigeon\. Did you mean PIGEON_HTTP_PORT\?/,
  )
  assert.match(problem.message, /PIGEON_XYZZY_FROBNICATE_ALL is not a setting of Pigeon\. Remove it\./)
  assert.equal(problem.errors.length, 3)
})

test('a setting of another section, and those of the command line, are not unknown', () => {
  const config = loadConfig([sections.http], {
    PIGEON_DELIVERY_CONNECTIONS: '5',
    PIGEON_API_KEY: 'x',
    PIGEON_TEST_X: 'x',
  })
  assert.equal(config.PIGEON_HTTP_HOST, '127.0.0.1')
  assert.equal('PIGEON_DELIVERY_CONNECTIONS' in config, false)
})

test('a setting without a default must be given', () => {
  const section = Type.Object({ PIGEON_MODE: Type.String({ description: 'Needed.' }) })
  assert.throws(() => loadConfig([section], {}), /PIGEON_MODE is not set/)
})

test('the settings cannot be changed afterwards', () => {
  const config = loadConfig(serverSections, {})
  assert.throws(() => Object.assign(config, { PIGEON_MODE: 'live' }), TypeError)
  assert.throws(() => Reflect.apply(Array.prototype.push, config.PIGEON_DNS_SERVERS, ['x']), TypeError)
})

test('the process wins over pigeon.env, which wins over .env', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pigeon-config-'))
  t.after(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, '.env'), 'PIGEON_HTTP_PORT=1\nPIGEON_HTTP_HOST=::\nPIGEON_FANOUT_CHUNK=7\n')
  writeFileSync(join(directory, 'pigeon.env'), '# ours\nPIGEON_HTTP_PORT="2"\nPIGEON_HTTP_HOST=::1\n')
  const env = readEnvironment(directory, { PIGEON_HTTP_PORT: '3', PIGEON_FANOUT_CHUNK: '' })
  const config = loadConfig(serverSections, env)
  assert.equal(config.PIGEON_HTTP_PORT, 3)
  assert.equal(config.PIGEON_HTTP_HOST, '::1')
  assert.equal(config.PIGEON_FANOUT_CHUNK, 7)
})

test('a settings file that cannot be read is a clear refusal', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pigeon-config-'))
  t.after(() => rmSync(directory, { recursive: true }))
  mkdirSync(join(directory, 'pigeon.env'))
  chmodSync(join(directory, 'pigeon.env'), 0o700)
  assert.throws(() => readEnvironment(directory, {}), { code: 'config.unreadable' })
})

test('every setting is described, named PIGEON_*, and its default is allowed', () => {
  for (const setting of Object.values(sections).flatMap(settingsOf)) {
    assert.match(setting.name, /^PIGEON_[A-Z_]+$/)
    assert.ok(setting.description.endsWith('.'), setting.name)
    assert.ok(setting.allowed.length > 0, setting.name)
    assert.doesNotThrow(
      () => loadConfig(Object.values(sections), { [setting.name]: defaultText(setting) }),
      setting.name,
    )
  }
})

test('no setting is declared in two sections', () => {
  const names = Object.values(sections)
    .flatMap(settingsOf)
    .map((setting) => setting.name)
  assert.equal(new Set(names).size, names.length)
})

test('0 deliver processes means one for each core, at most 8', () => {
  assert.deepEqual(
    [deliverProcesses(0, 2), deliverProcesses(0, 64), deliverProcesses(0, 0), deliverProcesses(12, 2)],
    [2, 8, 1, 12],
  )
})

test('the distance between two words is the number of edits', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3)
  assert.equal(editDistance('', 'abc'), 3)
})
