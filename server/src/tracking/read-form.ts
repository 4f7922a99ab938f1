import type { FastifyRequest } from 'fastify'
import type { App } from '#http/app.ts'

export const MAX_FORM_BYTES = 8_192
const MAX_FORM_FIELDS = 150

/** Forms of pages, which are read as `URLSearchParams`: a name may come more than once. */
export function acceptForms(scope: App): void {
  scope.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, new URLSearchParams(String(body)))
    },
  )
}

/** The fields of a form in either of the two encodings that RFC 8058 allows; what is too much of it is not read. */
export async function readForm(request: FastifyRequest): Promise<URLSearchParams> {
  if (request.isMultipart()) {
    const form = new URLSearchParams()
    const limits = { fields: MAX_FORM_FIELDS, fieldSize: MAX_FORM_BYTES, files: 1, fileSize: MAX_FORM_BYTES }
    for await (const part of request.parts({ limits })) {
      if (part.type === 'file') part.file.resume()
      else if (typeof part.value === 'string') form.append(part.fieldname, part.value)
    }
    return form
  }
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams()
}
