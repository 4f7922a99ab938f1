import { Type } from 'typebox'

export const tlsSettings = Type.Object({
  PIGEON_MTA_STS: Type.Boolean({
    default: true,
    description:
      'Whether the MTA-STS policies of recipient domains are fetched and followed in live mode (RFC 8461). Not with PIGEON_TLS_POLICY none.',
  }),
  PIGEON_DNSSEC: Type.Boolean({
    default: false,
    description:
      'Whether the name servers validate DNSSEC and the way to them is trusted (they are on this machine, or in a network of your own). Then TLSA records of mail hosts are followed (DANE, RFC 7672). Wrong to set with a name server across the Internet: whoever is on the way could say that an answer is proven.',
  }),
  PIGEON_TLS_REPORTS: Type.Enum(['off', 'live', 'all'], {
    default: 'off',
    description:
      'Daily reports about TLS to the domains that ask for them (RFC 8460). live: about mail in live mode. all: about sandbox mail too, to the windtunnel. Needs PIGEON_TLS_REPORT_FROM.',
  }),
  PIGEON_TLS_REPORT_ORGANIZATION: Type.String({
    default: 'Pigeon',
    minLength: 1,
    maxLength: 100,
    pattern: '^[ -~]+$',
    allowed: 'printable ASCII, at most 100 characters',
    description: 'Name of the sending organisation in TLS reports.',
  }),
  PIGEON_TLS_REPORT_FROM: Type.Optional(
    Type.String({
      maxLength: 254,
      pattern: "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$",
      allowed: 'an email address',
      description:
        'Sender and contact of TLS reports. Its domain must be a verified sending domain of a tenant here: reports by mail must be signed.',
    }),
  ),
})
