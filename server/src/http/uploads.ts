import type { Multipart, MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'
import { Problem } from '#platform/problem.ts'

const MAX_FIELD_BYTES = 64 * 1024
const MAX_FIELDS = 50

export interface UploadPlan<T> {
  /** The names of the other fields that the form may have. They must stand before the file. */
  readonly fields: readonly string[]
  readonly maxBytes: number
  /** Takes the file as it comes, and must read it to its end. Nothing is held in memory. */
  readonly store: (stream: Readable) => Promise<T>
  /** Removes what `store` made, when the rest of the form is refused. */
  readonly discard: (stored: T) => Promise<void>
}

export interface Upload<T> {
  readonly fields: Readonly<Record<string, string>>
  readonly fileName: string
  readonly stored: T
}

/** Reads a multipart/form-data body with one file in the field `file`, streaming. The route says `config.upload`. */
export async function receiveFile<T>(request: FastifyRequest, plan: UploadPlan<T>): Promise<Upload<T>> {
  if (!request.isMultipart()) {
    throw new Problem(
      'invalid',
      'upload.not_multipart',
      'Send the file as multipart/form-data, in the field "file".',
    )
  }
  const fields = new Map<string, string>()
  let file: { fileName: string; stored: T } | undefined
  try {
    for await (const part of request.parts({
      limits: { files: 1, fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES, fileSize: plan.maxBytes },
    })) {
      if (part.type === 'file') file = { fileName: part.filename, stored: await storeFile(part, plan) }
      else if (file === undefined) addField(fields, part, plan.fields)
      else throw fieldProblem(part.fieldname, 'after_file', 'Fields must stand before the file in the form.')
    }
  } catch (error) {
    if (file !== undefined) await plan.discard(file.stored)
    throw error
  }
  if (file === undefined) throw fieldProblem('file', 'required', 'This field is required.')
  return { fields: Object.fromEntries(fields), ...file }
}

async function storeFile<T>(part: MultipartFile, plan: UploadPlan<T>): Promise<T> {
  if (part.fieldname !== 'file') {
    part.file.resume()
    throw fieldProblem(part.fieldname, 'unknown_field', 'The file must be in the field "file".')
  }
  const stored = await plan.store(part.file)
  if (!part.file.truncated) return stored
  await plan.discard(stored)
  throw new Problem(
    'too_large',
    'upload.too_large',
    `The file is longer than ${plan.maxBytes} bytes. Split it into smaller ones.`,
  )
}

function addField(
  fields: Map<string, string>,
  part: Exclude<Multipart, MultipartFile>,
  known: readonly string[],
): void {
  const name = part.fieldname
  if (!known.includes(name))
    throw fieldProblem(name, 'unknown_field', 'There is no such field. Check its spelling, or leave it out.')
  if (fields.has(name)) throw fieldProblem(name, 'twice', 'This field is given twice.')
  if (part.valueTruncated || typeof part.value !== 'string') {
    throw fieldProblem(name, 'too_long', `This field may have at most ${MAX_FIELD_BYTES} bytes of text.`)
  }
  fields.set(name, part.value)
}

function fieldProblem(field: string, code: string, message: string): Problem {
  return new Problem('invalid', 'request.invalid', `Correct the field ${field}: ${message}`, {
    errors: [{ field, code, message }],
  })
}
