import openapiTS, { astToString } from 'openapi-typescript'

const HEADER = '// Generated from contract/openapi.json by `npm run generate`. Do not edit.\n'

/** The types of an OpenAPI 3.1 document, as TypeScript. */
export async function typesOf(document: object): Promise<string> {
  const nodes = await openapiTS(JSON.stringify(document), {
    alphabetize: true,
    defaultNonNullable: false,
    silent: true,
  })
  return HEADER + astToString(nodes)
}
