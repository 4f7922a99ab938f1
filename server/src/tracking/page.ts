import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'

const STYLE = `
:root { color-scheme: light dark; --page: #f5f7fa; --paper: #ffffff; --ink: #1b2330; --soft: #4d5867; --line: #d5dbe3; --primary: #2456c7; --on-primary: #ffffff; --good: #07706b }
@media (prefers-color-scheme: dark) { :root { --page: #14181f; --paper: #1c222b; --ink: #e6eaf0; --soft: #aab4c2; --line: #3a4350; --primary: #8ab0ff; --on-primary: #14181f; --good: #75c2ad } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 1rem; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 30rem; background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; padding: 2rem; overflow-wrap: anywhere }
svg { display: block; width: 2.5rem; height: 2.5rem; margin: 0 0 1rem -.3125rem; fill: none; stroke: var(--soft); stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round }
svg.good { stroke: var(--good) }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; text-wrap: balance }
p { margin: 0; text-wrap: pretty }
form { margin: .75rem 0 0 }
p + form { margin-top: 1.5rem }
button { width: 100%; min-height: 3rem; padding: .625rem 1rem; font: inherit; font-weight: 600; line-height: 1.3; border-radius: .5rem; border: 1px solid var(--primary); background: var(--primary); color: var(--on-primary); cursor: pointer; overflow-wrap: anywhere }
button.second { background: transparent; color: var(--primary) }
button:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px }
.more { margin-top: 1.25rem }
ul { margin: .75rem 0 0; padding-left: 1.25rem }
fieldset { margin: 0 0 1.25rem; padding: 0; border: 0 }
legend { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
label { display: flex; gap: .75rem; align-items: start; padding: .75rem 0; min-height: 3rem; border-bottom: 1px solid var(--line); cursor: pointer }
label span { min-width: 0 }
small { display: block; color: var(--soft); font-size: .875rem }
input { flex: none; width: 1.25rem; height: 1.25rem; margin: .125rem 0 0; accent-color: var(--primary) }
input:focus-visible, a:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px }
a { color: var(--primary) }
@media (max-width: 30rem) { main { padding: 1.5rem } }
`

/** The page needs its own style and nothing else: no script, no other site. (An empty icon keeps browsers from asking for one.) */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex, nofollow',
}

const PICTURES = {
  mail: '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3 6h18v12H3zl9 7 9-7"/></svg>',
  done: '<svg viewBox="0 0 24 24" aria-hidden="true" class="good"><circle cx="12" cy="12" r="9"/><path d="m8 12.5 2.8 2.8L16 9.5"/></svg>',
} as const

/** A page for recipients: `title` and `content` are HTML already. */
export function page(title: string, content: string, picture: keyof typeof PICTURES): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body><main>${PICTURES[picture]}<h1>${title}</h1>${content}</main></body>
</html>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as HTML shows it, in content and in quoted attributes. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}

export function show(reply: FastifyReply, status: number, html: string): FastifyReply {
  return reply.code(status).headers(PAGE_HEADERS).send(html)
}

/** `ann@example.com` is `a•••@example.com`: the owner knows it, a finder of the link does not learn it. */
export function maskAddress(address: string): string {
  const at = address.lastIndexOf('@')
  const [first = ''] = address.slice(0, at)
  return `${first}•••${address.slice(at)}`
}
