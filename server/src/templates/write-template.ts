import type { Clock } from '#platform/clock.ts'
import { asTenant, type Database, type Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { compileTemplate } from './compile-template.ts'
import { prepareTemplate, render } from './render-template.ts'
import { renderData, type TemplateData } from './render-data.ts'
import type { TemplateCompiler } from './template-compiler.ts'
import type { CompiledTemplate, RenderedTemplate, TemplateSource, TemplateVariable } from './template.ts'
import {
  addVersion,
  countUses,
  findTemplate,
  insertTemplate,
  listTemplates,
  listVersions,
  retireTemplate,
  type TemplateRow,
} from './templates.store.ts'

export interface TemplateDeps {
  readonly db: Database
  readonly clock: Clock
  readonly compiler: TemplateCompiler
}

export interface TemplateInput {
  readonly name: string
  readonly category?: string | null
  readonly subject: string
  readonly html?: string | null
  readonly mjml?: string | null
  readonly text?: string | null
  readonly variables?: readonly TemplateVariable[]
}

/** Compiled outside any transaction: compiling takes a while and happens in another process. */
export function compileInput(deps: TemplateDeps, input: TemplateInput): Promise<CompiledTemplate> {
  return compileTemplate(deps, sourceOf(input))
}

export async function createTemplate(
  deps: TemplateDeps,
  transaction: Transaction,
  tenantId: string,
  input: TemplateInput,
  compiled: CompiledTemplate,
): Promise<TemplateRow> {
  const id = await insertTemplate(transaction, versionOf(deps, tenantId, input, compiled))
  return present(await findTemplate(transaction, id, null))
}

/** Saves a new version. Campaigns under way keep the one they began with. */
export async function updateTemplate(
  deps: TemplateDeps,
  tenantId: string,
  id: string,
  input: TemplateInput,
): Promise<TemplateRow> {
  const compiled = await compileInput(deps, input)
  return asTenant(deps.db, tenantId, async (transaction) => {
    if (!(await addVersion(transaction, id, versionOf(deps, tenantId, input, compiled))))
      throw templateNotFound()
    return present(await findTemplate(transaction, id, null))
  })
}

export async function getTemplate(
  deps: TemplateDeps,
  tenantId: string,
  id: string,
  version: number | null,
): Promise<TemplateRow> {
  return present(await asTenant(deps.db, tenantId, (transaction) => findTemplate(transaction, id, version)))
}

export function readTemplates(
  deps: TemplateDeps,
  tenantId: string,
  page: { after: string | null; rows: number },
): Promise<TemplateRow[]> {
  return asTenant(deps.db, tenantId, (transaction) => listTemplates(transaction, page))
}

export function readVersions(
  deps: TemplateDeps,
  tenantId: string,
  id: string,
  page: { before: number | null; rows: number },
) {
  return asTenant(deps.db, tenantId, async (transaction) => {
    present(await findTemplate(transaction, id, null))
    return listVersions(transaction, id, page)
  })
}

/** A template that a scheduled or running campaign uses is kept. */
export async function removeTemplate(deps: TemplateDeps, tenantId: string, id: string): Promise<void> {
  await asTenant(deps.db, tenantId, async (transaction) => {
    const uses = await countUses(transaction, id)
    if (uses > 0) {
      throw new Problem(
        'conflict',
        'templates.in_use',
        `${uses} campaigns that are scheduled or sending use this template: cancel them or choose another template first.`,
      )
    }
    if (!(await retireTemplate(transaction, id, deps.clock.now()))) throw templateNotFound()
  })
}

export interface PreviewInput {
  readonly version?: number
  readonly data?: TemplateData
  readonly email?: string
}

/** Renders with sample data. A variable that is not given is an error here, so that it is seen before thousands see it. */
export async function previewTemplate(
  deps: TemplateDeps,
  tenantId: string,
  id: string,
  input: PreviewInput,
): Promise<RenderedTemplate> {
  const template = await getTemplate(deps, tenantId, id, input.version ?? null)
  const { first_name: firstName, last_name: lastName, ...attributes } = input.data ?? {}
  const data = renderData({
    email: input.email ?? 'someone@example.com',
    firstName: typeof firstName === 'string' ? firstName : null,
    lastName: typeof lastName === 'string' ? lastName : null,
    attributes,
    unsubscribeUrl: 'https://example.com/u/preview',
    campaignName: 'Preview',
  })
  return render(prepareTemplate(template.compiled), data, { mode: 'preview' })
}

function versionOf(deps: TemplateDeps, tenantId: string, input: TemplateInput, compiled: CompiledTemplate) {
  return {
    tenantId,
    name: input.name.trim(),
    category: input.category ?? null,
    source: sourceOf(input),
    compiled,
    now: deps.clock.now(),
  }
}

function sourceOf(input: TemplateInput): TemplateSource {
  return {
    subject: input.subject,
    ...(typeof input.html === 'string' ? { html: input.html } : {}),
    ...(typeof input.mjml === 'string' ? { mjml: input.mjml } : {}),
    ...(typeof input.text === 'string' ? { text: input.text } : {}),
    variables: input.variables ?? [],
  }
}

function present(row: TemplateRow | undefined): TemplateRow {
  if (row === undefined) throw templateNotFound()
  return row
}

export function templateNotFound(): Problem {
  return new Problem(
    'not_found',
    'templates.not_found',
    'There is no template (or version) with this id. GET /v1/templates lists yours.',
  )
}
