import { Type } from 'typebox'

/** Read by the command `pigeon` and the SDKs, not by the server: known here so that they are documented and no typing error. */
export const clientSettings = Type.Object({
  PIGEON_URL: Type.String({
    default: 'http://localhost:3000',
    pattern: '^https?://\\S+$',
    allowed: 'an address of the form https://mail.example.com',
    description: 'Address of the installation that the command `pigeon` talks to.',
  }),
  PIGEON_API_KEY: Type.Optional(
    Type.String({ secret: true, description: 'API key that the command `pigeon` uses instead of a login.' }),
  ),
  PIGEON_PASSWORD: Type.Optional(
    Type.String({ secret: true, description: 'Password that `pigeon login` uses instead of asking for it.' }),
  ),
})
