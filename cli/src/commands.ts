import type { Command } from '#command.ts'
import { demo } from '#commands/demo.ts'

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [demo]
