/** A value that must not become part of a message or a command. `code` is stable; the message is a sentence. */
export class MailError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'MailError'
    this.code = code
  }
}
