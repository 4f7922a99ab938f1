/** A refusal as the SMTP server gives it: its code, and after it the enhanced code (RFC 3463) and the words. */
export class SmtpRefusal extends Error {
  readonly responseCode: number

  constructor(code: number, text: string) {
    super(text)
    this.name = 'SmtpRefusal'
    this.responseCode = code
  }
}
