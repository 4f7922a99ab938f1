import { readFile } from 'node:fs/promises'
import { usageFailure } from '#exit-codes.ts'

/** The text of a file that the command line names. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw usageFailure(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The JSON in a file that the command line names. */
export async function readJson(path: string): Promise<unknown> {
  return parseJson(await readText(path), path)
}

/** Throws a usage failure that says where the text came from. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw usageFailure(`${where} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}
