/** Aborts at Ctrl-C and at a termination, once: a second one ends the process as ever. `release` gives the signals back. */
export function interrupted(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const name of signals) process.once(name, stop)
  return {
    signal: controller.signal,
    release: () => {
      for (const name of signals) process.off(name, stop)
    },
  }
}
