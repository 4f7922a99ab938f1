import { createHash, type Hash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import type { Objects } from '#platform/objects/objects.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import type { OnExisting } from './contact.ts'
import { examineFile } from './examine-file.ts'
import type { FileHints } from './examine-file.ts'
import type { Import } from './import.ts'
import { insertImport, listExists } from './imports.store.ts'
import { listNotFound } from './list.ts'

export const MAX_IMPORT_BYTES = 1024 * 1024 * 1024
const MAX_FILE_NAME_CHARS = 255

export interface StoredFile {
  readonly importId: string
  readonly objectKey: string
  readonly sizeBytes: number
  /** SHA-256 of the file, in hexadecimal digits. */
  readonly digest: string
}

/** Keeps the file as it comes. Refuses more than MAX_IMPORT_BYTES. */
export async function storeImportFile(
  deps: { readonly objects: Objects },
  tenantId: string,
  body: Readable | Buffer,
): Promise<StoredFile> {
  const importId = uuidv7()
  const objectKey = `${tenantId}/imports/${importId}`
  const hash = createHash('sha256')
  const { sizeBytes } = await deps.objects.put(
    objectKey,
    Readable.from(hashed(body, hash), { objectMode: false }),
    { maxBytes: MAX_IMPORT_BYTES },
  )
  return { importId, objectKey, sizeBytes, digest: hash.digest('hex') }
}

async function* hashed(body: Readable | Buffer, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of Buffer.isBuffer(body) ? [body] : body) {
    // Uploads are streams of octets.
    const octets = chunk as Buffer
    hash.update(octets)
    yield octets
  }
}

export interface ImportRequest extends FileHints {
  readonly listId: string
  readonly fileName: string
  readonly onExisting: OnExisting
}

/**
 * Looks at the stored file, and gives the work that queues its import into a list. A file that cannot be imported (empty,
 * not CSV, no addresses) makes an import that has failed, with a sentence that says what to do.
 */
export async function prepareImport(
  deps: { readonly objects: Objects; readonly clock: Clock },
  tenantId: string,
  file: StoredFile,
  request: ImportRequest,
): Promise<(transaction: Transaction) => Promise<Import>> {
  const examined = await examineFile(async () => deps.objects.get(file.objectKey), request)
  return async (transaction) => {
    if (!(await listExists(transaction, request.listId))) throw listNotFound()
    const made = {
      id: file.importId,
      list_id: request.listId,
      file_name: cleanFileName(request.fileName),
      object_key: file.objectKey,
      size_bytes: file.sizeBytes,
      on_existing: request.onExisting,
      dialect: examined.dialect,
      mapping: examined.ok ? examined.mapping : null,
      error: examined.ok ? null : examined.message,
    }
    return insertImport(transaction, tenantId, made, deps.clock.now())
  }
}

/** The path and control characters that some browsers and attackers send do not belong to a name. */
function cleanFileName(given: string): string {
  const name = given
    .replace(/^.*[\\/]/, '')
    .replace(/[\u0000-\u001f\u007f]/g, '')
    .toWellFormed()
  return name === '' ? 'contacts.csv' : name.slice(0, MAX_FILE_NAME_CHARS)
}
