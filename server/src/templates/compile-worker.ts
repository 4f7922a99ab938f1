import { Problem } from '#platform/problem.ts'
import { compileSource } from './compile-source.ts'
import type { CompileAnswer, CompileJob } from './template-compiler.ts'

// The child process of template-compiler.ts: one job at a time, killed from outside when it takes too long.

process.on('disconnect', () => process.exit(0))
process.on('message', (job: CompileJob) => {
  void answerTo(job).then((answer) => process.send?.(answer))
})
process.send?.({ kind: 'ready' } satisfies CompileAnswer)

async function answerTo(job: CompileJob): Promise<CompileAnswer> {
  try {
    return { kind: 'compiled', compiled: await compileSource(job.source) }
  } catch (error) {
    if (error instanceof Problem) {
      return {
        kind: 'refused',
        problem: { kind: error.kind, code: error.code, message: error.message, errors: error.errors },
      }
    }
    // A stack overflow or the like: what the tools throw at sources that nobody would write by hand.
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) }
  }
}
