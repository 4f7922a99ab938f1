import { readFile } from 'node:fs/promises'
import type { RenderRecipient } from './render-data.ts'
import type { TemplateSource } from './template.ts'

/** A template that ships with the product, with a person to render it for. */
export interface SampleTemplate {
  readonly id: SampleId
  readonly name: string
  readonly source: TemplateSource
  readonly sample: RenderRecipient
}

/** The samples, by file name in samples/. */
export const SAMPLE_IDS = ['newsletter', 'welcome', 'receipt'] as const

export type SampleId = (typeof SAMPLE_IDS)[number]

/** What stands in the JSON file beside an MJML file. */
interface SampleDescription {
  readonly name: string
  readonly subject: string
  readonly variables: TemplateSource['variables']
  readonly sample: RenderRecipient
}

/** Reads the samples that ship with the product. */
export async function sampleTemplates(): Promise<readonly SampleTemplate[]> {
  return await Promise.all(SAMPLE_IDS.map(sampleTemplate))
}

/** Reads one sample. */
export async function sampleTemplate(id: SampleId): Promise<SampleTemplate> {
  const [mjml, json] = await Promise.all(
    ['mjml', 'json'].map(
      async (kind) => await readFile(new URL(`./samples/${id}.${kind}`, import.meta.url), 'utf8'),
    ),
  )
  if (mjml === undefined || json === undefined) throw new Error(`The sample template ${id} is incomplete.`)
  // The file is part of the product, and a test compiles and renders every one.
  const { name, subject, variables, sample }: SampleDescription = JSON.parse(json)
  return { id, name, source: { subject, mjml, variables }, sample }
}
