import { take, type Pigeon } from '@pigeon/sdk'
import { oneOf } from '#collect.ts'

export const MODE_OPTION = {
  type: 'string',
  value: 'sandbox|live',
  description: "The tenant's when absent.",
} as const

/** The mode that was said, else the tenant's. */
export async function sendingMode(pigeon: Pigeon, text: string | undefined): Promise<'sandbox' | 'live'> {
  if (text !== undefined) return oneOf('--mode', text, ['sandbox', 'live'])
  return (await take(pigeon.GET('/v1/tenant'))).mode
}
