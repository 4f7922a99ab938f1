import type { Readable } from 'node:stream'

/** Large things by key (uploads, reject files, exports): files on disk, or S3. Keys are `tenantId/kind/id`. */
export interface Objects {
  /** Stores a stream whole or not at all. Refuses more than `maxBytes` with Problem('too_large', 'objects.too_large'). */
  put(key: string, body: Readable | Buffer, options?: { maxBytes?: number }): Promise<{ sizeBytes: number }>
  /** Reads from byte `start`. Rejects with Problem('not_found', 'objects.not_found') when the key is unknown. */
  get(key: string, options?: { start?: number }): Promise<Readable>
  stat(key: string): Promise<{ sizeBytes: number } | undefined>
  delete(key: string): Promise<void>
}
