import type { Profile, ReplyTemplate, Situation } from './profile.ts'

/** The replies of one provider to one visitor, ready to be written. */
export interface Words {
  readonly host: string
  readonly takesUtf8: boolean
  readonly mailOk: string
  readonly rcptOk: string
  readonly goAhead: string
  banner(): string
  ehlo(options: { maxBytes: number; offersTls: boolean }): string
  accepted(sequence: number): string
  situation(situation: Situation, recipient: string): string
}

/** Fills the provider's words with the visitor's address and an id of the kind such servers print. */
export function createWords(profile: Profile, ip: string, nextId: () => string): Words {
  const fill = (text: string, recipient = '') =>
    text.includes('{')
      ? text.replace(/\{(ip|recipient|id|host)\}/g, (_, name: string) => {
          if (name === 'ip') return ip
          if (name === 'recipient') return recipient
          return name === 'id' ? nextId() : profile.host
        })
      : text
  return {
    host: profile.host,
    takesUtf8: profile.capabilities.includes('SMTPUTF8'),
    mailOk: '250 2.1.0 OK\r\n',
    rcptOk: '250 2.1.5 OK\r\n',
    goAhead: '354 Start mail input; end with <CRLF>.<CRLF>\r\n',
    banner: () => `220 ${fill(profile.banner)}\r\n`,
    ehlo: ({ maxBytes, offersTls }) => {
      const capabilities = profile.capabilities.filter((capability) => capability !== 'STARTTLS' || offersTls)
      const lines = [`${profile.host} at your service, [${ip}]`]
      for (const capability of capabilities)
        lines.push(capability === 'SIZE' ? `SIZE ${maxBytes}` : capability)
      return lines.map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join('')
    },
    accepted: (sequence) =>
      `${fill(profile.accepted.replace('{id}', sequence.toString(36).toUpperCase().padStart(9, '0')))}\r\n`,
    situation: (situation, recipient) =>
      renderReply(profile.words[situation], (line) => fill(line, recipient)),
  }
}

/** A reply of several lines repeats code and status on each (RFC 5321, 4.2.1; RFC 2034). */
export function renderReply(template: ReplyTemplate, fill: (line: string) => string): string {
  const last = template.lines.length - 1
  return template.lines
    .map((line, index) => `${template.code}${index === last ? ' ' : '-'}${template.status} ${fill(line)}\r\n`)
    .join('')
}
