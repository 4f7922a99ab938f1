/** Unpacks Chromium into TMPDIR: the package knows no other way to say where to. `libraries` adds what a bare system lacks. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflate } from '@sparticuz/chromium'

const packed = join(dirname(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium')))), 'bin')
const archives = process.argv[2] === 'libraries' ? ['al2023.tar.br'] : ['chromium.br', 'fonts.tar.br']
await Promise.all(archives.map((archive) => inflate(join(packed, archive))))
