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
  situation(situation: Situation, about?: About): string
}

/** What a refusal may speak of: the recipient, the sender's domain of the envelope, the domain in From. */
export interface About {
  readonly recipient?: string
  readonly domain?: string
  readonly from?: string
}

/** Fills the provider's words with the visitor's address and an id of the kind such servers print. */
export function createWords(profile: Profile, ip: string, nextId: () => string): Words {
  const fill = (text: string, about: About = {}) =>
    text.includes('{')
      ? text.replace(/\{(ip|recipient|from|domain|id|host)\}/g, (_, name: string) => {
          if (name === 'recipient' || name === 'from' || name === 'domain') return about[name] ?? ''
          if (name === 'ip') return ip
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
      const capabilities = offersTls ? [...profile.capabilities, 'STARTTLS'] : profile.capabilities
      const lines = [`${profile.host} at your service, [${ip}]`]
      for (const capability of capabilities)
        lines.push(capability === 'SIZE' ? `SIZE ${maxBytes}` : capability)
      return lines.map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join('')
    },
    accepted: (sequence) =>
      `${fill(profile.accepted.replace('{id}', sequence.toString(36).toUpperCase().padStart(9, '0')))}\r\n`,
    situation: (situation, about) => renderReply(profile.words[situation], (line) => fill(line, about)),
  }
}

/** A reply of several lines repeats code and status, where it has one, on each (RFC 5321, 4.2.1; RFC 2034). */
export function renderReply(template: ReplyTemplate, fill: (line: string) => string): string {
  const last = template.lines.length - 1
  const status = template.status === '' ? '' : `${template.status} `
  return template.lines
    .map((line, index) => `${template.code}${index === last ? ' ' : '-'}${status}${fill(line)}\r\n`)
    .join('')
}
