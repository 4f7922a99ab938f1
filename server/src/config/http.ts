import { Type } from 'typebox'

export const httpSettings = Type.Object({
  PIGEON_HTTP_HOST: Type.String({
    default: '127.0.0.1',
    pattern: '^[A-Za-z0-9.:_-]+$',
    allowed: 'an address or a host name of this machine; 0.0.0.0 for all addresses',
    description: 'Address on which the API and the public pages listen.',
  }),
  PIGEON_HTTP_PORT: Type.Integer({
    default: 3000,
    minimum: 1,
    maximum: 65_535,
    description: 'Port on which the API and the public pages listen.',
  }),
  PIGEON_PUBLIC_URL: Type.Optional(
    Type.String({
      pattern: '^https?://[^\\s/?#]+(/[^\\s?#]*)?$',
      allowed: 'an address of the form https://mail.example.com, without a query',
      description:
        'Address at which recipients reach this installation. It stands in unsubscribe links, and in tracked links where the tenant has no host of its own. Default: http://localhost and the port.',
    }),
  ),
  PIGEON_TRACK_PORT: Type.Integer({
    default: 3001,
    minimum: 1,
    maximum: 65_535,
    description:
      'Port of the role track, which serves the public pages alone in a cluster. On one machine they are on the port of the API.',
  }),
  PIGEON_TRUSTED_PROXIES: Type.Array(Type.String({ pattern: '^[0-9A-Fa-f.:]+(/\\d{1,3})?$' }), {
    default: [],
    allowed: 'addresses or networks separated by commas, for example 127.0.0.1,10.0.0.0/8',
    description:
      'Proxies before this server whose X-Forwarded-For and X-Forwarded-Proto are believed. Without them every caller has the address of the proxy.',
  }),
  PIGEON_MAX_UPLOAD_MB: Type.Integer({
    default: 1024,
    minimum: 1,
    maximum: 102_400,
    description: 'Largest file that may be uploaded (a CSV with contacts), in megabytes.',
  }),
})
