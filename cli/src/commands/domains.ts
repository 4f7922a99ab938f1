import { take, type components } from '@pigeon/sdk'
import { collect, LIMIT_OPTION } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { domainId } from '#find-by-name.ts'
import { table, time } from '#output.ts'

type Domain = components['schemas']['Domain']

const listDomains = command({
  name: 'domains list',
  summary: 'Sending domains, newest first.',
  positionals: [],
  options: { limit: LIMIT_OPTION },
  example: 'pigeon domains list',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const domains = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/domains', { params: { query: { ...page } } })),
    )
    context.out.result(domains, () =>
      table(
        ['id', 'name', 'status', 'verified in', 'verified'],
        domains.map((each) => [
          each.id,
          each.name,
          each.status,
          each.verified_in ?? '-',
          time(each.verified_at),
        ]),
      ),
    )
    return EXIT.ok
  },
})

const addDomain = command({
  name: 'domains add',
  summary: 'Adds a sending domain and shows the DNS records to publish.',
  positionals: ['NAME'],
  options: {},
  example: 'pigeon domains add news.example.com',
  run: async (context, { positionals: [name] }) => {
    const made = await take(context.signedIn().POST('/v1/domains', { body: { name } }))
    context.out.result(made, () => describe(made))
    return EXIT.ok
  },
})

const verifyDomain = command({
  name: 'domains verify',
  summary: 'Looks up the DNS records of a domain now; exits with 1 while one is missing or wrong.',
  positionals: ['ID|NAME'],
  options: {},
  example: 'pigeon domains verify news.example.com',
  run: async (context, { positionals: [idOrName] }) => {
    const pigeon = context.signedIn()
    const id = await domainId(pigeon, idOrName)
    const domain = await take(pigeon.POST('/v1/domains/{id}/verify', { params: { path: { id } } }))
    context.out.result(domain, () => describe(domain))
    return domain.status === 'verified' ? EXIT.ok : EXIT.failed
  },
})

function describe(domain: Domain): string[] {
  return [
    `${domain.name}: ${domain.status}`,
    `  id  ${domain.id}`,
    ...domain.dns_records.flatMap((record) => [
      '',
      `  ${record.type} ${record.name}`,
      `    ${record.value}`,
      `    ${record.status}${record.message === '' ? '' : `: ${record.message}`}`,
    ]),
  ]
}

export const domains = [listDomains, addDomain, verifyDomain]
