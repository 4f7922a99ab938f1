import type { components } from '@pigeon/sdk'
import { number } from '#output.ts'

/** `1,234`, or `10,000+` where counting stopped. */
export function countText({ count, or_more }: components['schemas']['BoundedCount']): string {
  return `${number(count)}${or_more ? '+' : ''}`
}
