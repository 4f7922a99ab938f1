import { open, readFile } from 'node:fs/promises'
import { usageFailure } from '#exit-codes.ts'

/** The text of a file that the command line names. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw usageFailure(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The first octets of a file that the command line names: all of it when it has fewer. */
export async function readStart(path: string, octets: number): Promise<Buffer> {
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    const start = Buffer.alloc(Math.min(size, octets))
    const { bytesRead } = await file.read(start, 0, start.length, 0)
    return start.subarray(0, bytesRead)
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
