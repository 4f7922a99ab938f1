import type { RouteOptions } from 'fastify'

/** Which methods a path answers: tells 405 from 404. */
export interface KnownPaths {
  add(route: RouteOptions): void
  methodsOf(path: string): readonly string[]
}

export function createKnownPaths(): KnownPaths {
  const routes: { pattern: RegExp; methods: readonly string[] }[] = []
  return {
    add(route) {
      routes.push({ pattern: patternOf(route.url), methods: [route.method].flat() })
    },
    methodsOf(path) {
      const methods = routes.filter((route) => route.pattern.test(path)).flatMap((route) => route.methods)
      return [...new Set(methods)].sort()
    },
  }
}

function patternOf(url: string): RegExp {
  const steps = url.split('/').map((step) => {
    if (step.startsWith(':')) return '[^/]+'
    return step === '*' ? '.*' : step.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  })
  return new RegExp(`^${steps.join('/')}$`)
}
