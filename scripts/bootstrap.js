// The first thing that runs after a clone, on whatever Node the machine has (20 or newer): installs the
// packages when they are missing or out of date, then starts the given script on the Node of the project.
// Plain JavaScript on purpose: nothing is installed yet when it starts.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stampFile = join(root, 'node_modules', '.pigeon-installed')
const nodeBinary = join(root, 'node_modules', '.bin', 'node')
const NEEDED_MB = 1000
/** With less than this, a failure of npm is laid to the disk, whatever it says. */
const FULL_MB = 50

/** Changes whenever an installation would differ: the lock file says everything that npm installs. */
function wantedStamp() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}

function isInstalled() {
  return existsSync(nodeBinary) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wantedStamp()
}

/**
 * Another process may be installing the same checkout: one installs, the others wait for it.
 * `npm install --no-save` and not `npm ci`: see docs/decisions/0002-installation.md.
 */
function install() {
  const lock = join(root, '.cache', 'installing')
  mkdirSync(dirname(lock), { recursive: true })
  const deadline = Date.now() + 15 * 60_000
  for (let tries = 0; ; tries += 1) {
    if (takeLock(lock)) break
    const owner = lockOwner(lock)
    if (!isRunning(owner)) rmSync(lock, { force: true })
    else if (Date.now() > deadline)
      fail(`Another installation (process ${owner}) has not ended within 15 minutes.`)
    else {
      if (tries === 0) process.stderr.write(`Process ${owner} installs the packages: waiting for it.\n`)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
    }
  }
  // Also when this ends by `fail`, which no `finally` sees.
  process.once('exit', () => releaseLock(lock))
  try {
    if (isInstalled()) return
    if (!existsSync(join(root, 'node_modules')) && freeMegabytes() < NEEDED_MB)
      fail(`The packages need about 1 GB, and ${root} has ${freeMegabytes()} MB. Make room, then try again.`)
    process.stderr.write('Pigeon installs its packages (once, about 1 GB on disk; one to three minutes).\n')
    const startedAt = Date.now()
    const patience = registryAnswers() ? [] : IMPATIENT
    const ticker = spawn(process.execPath, ['-e', TICKER], { stdio: ['ignore', 'ignore', 'inherit'] })
    const npm = spawnSync(
      npmCommand(),
      ['install', '--no-save', '--no-fund', '--no-audit', '--loglevel=error', ...patience],
      {
        cwd: root,
        stdio: ['ignore', 2, 2],
        shell: process.platform === 'win32',
      },
    )
    ticker.kill()
    if (npm.error) fail(`npm could not be started: ${npm.error.message}. Install npm and try again.`)
    if (npm.status !== 0 && freeMegabytes() < FULL_MB)
      fail(`npm install failed: the disk of ${root} is full. Make room, then try again.`)
    if (npm.status !== 0)
      fail('npm install failed; its message is above. Check the network and the disk, then try again.')
    writeFileSync(stampFile, wantedStamp())
    process.stderr.write(`\rPackages are installed (${Math.round((Date.now() - startedAt) / 1000)} s).\n`)
  } finally {
    releaseLock(lock)
  }
}

/** The file appears with its content, so that nobody reads it half made. */
function takeLock(lock) {
  const draft = `${lock}.${process.pid}`
  writeFileSync(draft, String(process.pid))
  try {
    linkSync(draft, lock)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  } finally {
    rmSync(draft, { force: true })
  }
}

/** 0 when it was let go a moment ago. */
function lockOwner(lock) {
  try {
    return Number(readFileSync(lock, 'utf8'))
  } catch {
    return 0
  }
}

function releaseLock(lock) {
  if (lockOwner(lock) === process.pid) rmSync(lock, { force: true })
}

/**
 * Progress while npm is silent: what has arrived in node_modules, every second on a terminal and every ten seconds in a
 * log. Runs in a child because npm blocks us.
 */
const TICKER = `
  const { readdirSync } = require('node:fs')
  const startedAt = Date.now()
  const [everyMs, before, after] = process.stderr.isTTY ? [1000, '\\r', ' '] : [10000, '', '\\n']
  setInterval(() => {
    let count = 0
    try { for (const name of readdirSync('node_modules')) count += name.startsWith('@') ? readdirSync('node_modules/' + name).length : 1 } catch {}
    process.stderr.write(before + '  ' + Math.round((Date.now() - startedAt) / 1000) + ' s, ' + count + ' packages' + after)
  }, everyMs)
`

/** Without a network npm would try each package for more than a minute before it says anything. */
const IMPATIENT = ['--fetch-retries=0', '--fetch-timeout=10000']
const SMALL_PACKAGE = 'postal-mime'

/** Asks for one small package. When that fails, npm's cache may still do: that is for npm to find out, without much patience. */
function registryAnswers() {
  const asked = spawnSync(npmCommand(), ['view', SMALL_PACKAGE, 'name', '--loglevel=error', ...IMPATIENT], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (asked.error || asked.status === 0) return true
  const why = /^npm (?:error|ERR!) code (\S+)/m.exec(asked.stderr)?.[1] ?? 'no answer'
  process.stderr.write(
    `The npm registry does not answer (${why}). Check the network, or the settings "registry" and "proxy" of npm.\n`,
  )
  return false
}

function freeMegabytes() {
  const { bavail, bsize } = statfsSync(root)
  return Math.floor((bavail * bsize) / 1_000_000)
}

function npmCommand() {
  return process.platform === 'win32' ? 'npm.cmd' : 'npm'
}

function isRunning(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function fail(message) {
  process.stderr.write(`\n${message}\n`)
  process.exit(1)
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(`Node ${process.versions.node} is too old to install Pigeon: use Node 20 or newer.`)
}
process.chdir(root)
if (!isInstalled()) install()

const child = spawn(nodeBinary, process.argv.slice(2), {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, '.cache', 'compile'),
  },
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) =>
  fail(`The Node of the project could not be started: ${error.message}. Delete node_modules and try again.`),
)
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
