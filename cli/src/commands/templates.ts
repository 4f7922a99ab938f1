import { take } from '@pigeon/sdk'
import { collect, LIMIT_OPTION, wholeNumber } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT, usageFailure } from '#exit-codes.ts'
import { readJson, readText } from '#files.ts'
import { templateId } from '#find-by-name.ts'
import { table, time } from '#output.ts'
import { variablesOf } from '#template-input.ts'

const MAX_VERSION = 1_000_000

const listTemplates = command({
  name: 'templates list',
  summary: 'Templates, newest first.',
  positionals: [],
  options: { limit: LIMIT_OPTION },
  example: 'pigeon templates list',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const templates = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/templates', { params: { query: { ...page } } })),
    )
    context.out.result(templates, () =>
      table(
        ['id', 'name', 'version', 'subject', 'changed'],
        templates.map((each) => [
          each.id,
          each.name,
          String(each.version),
          each.subject,
          time(each.updated_at),
        ]),
      ),
    )
    return EXIT.ok
  },
})

const createTemplate = command({
  name: 'templates create',
  summary: 'Makes a template from files: Liquid in HTML or MJML.',
  positionals: [],
  options: {
    name: { type: 'string', value: 'NAME', description: 'Its name.' },
    subject: { type: 'string', value: 'LIQUID', description: 'Subject.' },
    mjml: { type: 'string', value: 'FILE', description: 'MJML source, or use --html.' },
    html: { type: 'string', value: 'FILE', description: 'HTML source.' },
    text: { type: 'string', value: 'FILE', description: 'Text part; made from the HTML when absent.' },
    variables: { type: 'string', value: 'FILE', description: 'JSON: [{"name", "default", "description"}].' },
  },
  required: ['name', 'subject'],
  example: `pigeon templates create --name Welcome --subject 'Hello {{ first_name }}' --mjml welcome.mjml`,
  run: async (context, { values }) => {
    if ((values.mjml === undefined) === (values.html === undefined))
      throw usageFailure('Give either --mjml or --html.')
    const body = {
      name: values.name ?? '',
      subject: values.subject ?? '',
      ...(values.mjml === undefined ? {} : { mjml: await readText(values.mjml) }),
      ...(values.html === undefined ? {} : { html: await readText(values.html) }),
      ...(values.text === undefined ? {} : { text: await readText(values.text) }),
      ...(values.variables === undefined
        ? {}
        : { variables: variablesOf(await readJson(values.variables), values.variables) }),
    }
    const made = await take(context.signedIn().POST('/v1/templates', { body }))
    context.out.result(made, () => [`${made.id}  ${made.name} (version ${made.version})`])
    return EXIT.ok
  },
})

const showTemplate = command({
  name: 'templates show',
  summary: 'A template with its source.',
  positionals: ['ID|NAME'],
  options: { version: { type: 'string', value: 'N', description: 'An earlier version.' } },
  example: 'pigeon templates show Welcome',
  run: async (context, { values, positionals: [idOrName] }) => {
    const pigeon = context.signedIn()
    const id = await templateId(pigeon, idOrName)
    const query = versionOf(values.version)
    const found = await take(pigeon.GET('/v1/templates/{id}', { params: { path: { id }, query } }))
    context.out.result(found, () => [
      `${found.name} (version ${found.version})`,
      `  id         ${found.id}`,
      `  subject    ${found.subject}`,
      `  variables  ${found.variables.map(({ name }) => name).join(', ') || '-'}`,
      `  changed    ${time(found.updated_at)}`,
      '',
      ...(found.mjml ?? found.html ?? '').split('\n'),
    ])
    return EXIT.ok
  },
})

const previewTemplate = command({
  name: 'templates preview',
  summary: 'Renders a template for one recipient; a variable that is not defined is an error.',
  positionals: ['ID|NAME'],
  options: {
    data: { type: 'string', value: 'FILE', description: 'JSON: first_name, last_name and attributes.' },
    email: { type: 'string', value: 'ADDRESS', description: "The recipient's address." },
    version: { type: 'string', value: 'N', description: 'An earlier version.' },
    html: { type: 'boolean', description: 'Only the HTML part, e.g. into a file for a browser.' },
  },
  example: 'pigeon templates preview Welcome --data ann.json --html > ann.html',
  run: async (context, { values, positionals: [idOrName] }) => {
    const data = values.data === undefined ? {} : { data: dataOf(await readJson(values.data), values.data) }
    const email = values.email === undefined ? {} : { email: values.email }
    const pigeon = context.signedIn()
    const id = await templateId(pigeon, idOrName)
    const body = { ...data, ...email, ...versionOf(values.version) }
    const preview = await take(pigeon.POST('/v1/templates/{id}/preview', { params: { path: { id } }, body }))
    if (values.html === true && !context.out.isJson) context.out.raw(preview.html)
    else context.out.result(preview, () => [`Subject: ${preview.subject}`, '', ...preview.text.split('\n')])
    return EXIT.ok
  },
})

function versionOf(text: string | undefined): { version?: number } {
  return text === undefined ? {} : { version: wholeNumber('--version', text, MAX_VERSION) }
}

function dataOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw usageFailure(`${where} is not a JSON object.`)
}

export const templates = [listTemplates, createTemplate, showTemplate, previewTemplate]
