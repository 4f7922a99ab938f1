import { sections } from '#config/sections.ts'
import { defaultText, settingsOf, type Setting } from '#config/setting.ts'

/** What is made from the declared settings, by path. */
export function configFiles(): Record<string, string> {
  return {
    'docs/reference/configuration.md': configurationPage(),
    '.env.example': envExample(),
    'contract/config.schema.json': configSchema(),
  }
}

const HEADINGS: Readonly<Record<keyof typeof sections, string>> = {
  platform: 'Platform',
  http: 'API and public pages',
  delivery: 'Delivery',
  tls: 'Protection on the way: MTA-STS, DANE and TLS reports',
  inbound: 'What comes back: inbound SMTP and IMAP',
  campaigns: 'Campaigns',
  webhooks: 'Webhooks',
  windtunnel: 'Windtunnel',
  client: 'Command line',
}

function listed(): { heading: string; settings: Setting[] }[] {
  const names: readonly (keyof typeof sections)[] = [
    'platform',
    'http',
    'delivery',
    'tls',
    'inbound',
    'campaigns',
    'webhooks',
    'windtunnel',
    'client',
  ]
  return names.map((name) => ({ heading: HEADINGS[name], settings: settingsOf(sections[name]) }))
}

function configurationPage(): string {
  const lines = [
    '# Configuration',
    '',
    '<!-- Generated from server/src/config by `npm run generate`. -->',
    '',
    'Settings are environment variables. They may also stand in a file `pigeon.env` or `.env` in the working directory;',
    'a variable of the environment wins over `pigeon.env`, which wins over `.env`. All are checked at start, and all',
    'errors are printed at once. An empty variable counts as one that is not set.',
  ]
  for (const { heading, settings } of listed()) {
    lines.push('', `## ${heading}`, '', '| Setting | Default | Allowed | Meaning |', '|---|---|---|---|')
    lines.push(...settings.map(row))
  }
  return `${lines.join('\n')}\n`
}

function row(setting: Setting): string {
  const standard = defaultText(setting)
  const value = standard === '' ? (setting.isRequired ? '(required)' : '') : `\`${standard}\``
  const secret = setting.isSecret ? ' Secret.' : ''
  const cells = [`\`${setting.name}\``, value, setting.allowed, `${setting.description}${secret}`]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function envExample(): string {
  const lines = [
    '# Settings of Pigeon with their defaults. Copy to pigeon.env, then uncomment and change what you need.',
  ]
  for (const { heading, settings } of listed()) {
    lines.push('', `## ${heading}`)
    for (const setting of settings) {
      lines.push(
        '',
        `# ${setting.description}`,
        `# Allowed: ${setting.allowed}`,
        `#${setting.name}=${defaultText(setting)}`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}

/** JSON Schema of all settings of the server, for editors and for the checks of deployment tools. */
function configSchema(): string {
  const properties: Record<string, unknown> = {}
  const required: string[] = []
  for (const setting of listed().flatMap(({ settings }) => settings)) {
    properties[setting.name] = setting.schema
    if (setting.isRequired) required.push(setting.name)
  }
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Settings of Pigeon',
    type: 'object',
    properties,
    required,
    additionalProperties: false,
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}
