import type { components } from '@pigeon/sdk'
import { usageFailure } from '#exit-codes.ts'

export type TemplateVariable = components['schemas']['Template']['variables'][number]

/** What a template declares, from JSON; the server checks the rest. */
export function variablesOf(value: unknown, where: string): TemplateVariable[] {
  if (Array.isArray(value) && value.every(isVariable)) return value
  throw usageFailure(`${where}: variables are an array of {"name", "default", "description"}.`)
}

function isVariable(value: unknown): value is TemplateVariable {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string'
}

export interface TemplateDescription {
  readonly name: string
  readonly subject: string
  readonly variables: TemplateVariable[]
}

/** The file beside an MJML source: name, subject and variables. */
export function templateDescription(value: unknown, where: string): TemplateDescription {
  const fields: { name?: unknown; subject?: unknown; variables?: unknown } =
    typeof value === 'object' && value !== null ? value : {}
  const { name, subject, variables = [] } = fields
  if (typeof name !== 'string' || typeof subject !== 'string')
    throw usageFailure(`${where} needs "name" and "subject".`)
  return { name, subject, variables: variablesOf(variables, where) }
}
