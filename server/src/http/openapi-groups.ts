/** The groups of the API reference (`tags` of a route) in the order of a first journey, each with its sentence. */
export const GROUPS: Readonly<Record<string, string>> = {
  Setup: 'The first call of a new installation: it makes the owner.',
  Authentication: 'Sign in, sign out, and who you are.',
  'API keys': 'Keys for programs, never with more scopes than their maker has.',
  Tenant: 'Name, time zone and mode of your tenant.',
  Domains: 'Sending domains: the DNS records to publish, and whether they are there.',
  Lists: 'Whom you may write to.',
  Contacts: 'People, once a tenant, with attributes of your own.',
  Imports: 'CSV files into a list, with progress and a file of the rejected rows.',
  Suppressions: 'Addresses that are not written to, and why.',
  Templates: 'Liquid in HTML or MJML; every version is kept.',
  Campaigns: 'One content to every contact of a list, each exactly once.',
  Messages: 'What happened to one mail, attempt by attempt.',
  Sandbox: 'What the simulated receivers got: nothing has left this machine.',
  Unsubscribe: 'The pages behind the links in mail.',
  Operation: 'For monitoring, and this document.',
}
