import { createHash } from 'node:crypto'
import type { SubscriptionState } from './unsubscribe.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #f6f7f9; --card: #ffffff; --line: #d5dae1; --button: #1f5fbf; --on-button: #ffffff }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --paper: #14181e; --card: #1e242c; --line: #3a4350; --button: #8ab4ff; --on-button: #10151c } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--paper); color: var(--ink); font: 1.0625rem/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 32rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.5rem 1.75rem 2rem; overflow-wrap: anywhere }
h1 { font-size: 1.375rem; line-height: 1.25; margin: 0 0 .75rem }
p { margin: 0 0 1.25rem }
form { margin: 0 0 .75rem }
button { width: 100%; min-height: 2.75rem; padding: .625rem 1rem; font: inherit; font-weight: 600; border-radius: .5rem; border: 2px solid var(--button); background: var(--button); color: var(--on-button); cursor: pointer }
button.second { background: transparent; color: var(--button) }
button:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px }
`

/** The page needs its own style and nothing else: no script, no image, no other site. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex, nofollow',
}

/** What stands now and what may be done about it. `justDone` makes it a confirmation. */
export function subscriptionPage(state: SubscriptionState, justDone: boolean): string {
  const address = `<strong>${escape(maskAddress(state.recipient))}</strong>`
  const sender = escape(state.senderName)
  const list = state.listName === null ? sender : `<strong>${escape(state.listName)}</strong> (${sender})`
  if (state.fromEverything) {
    return page(
      justDone ? 'You are unsubscribed from everything' : 'You are already unsubscribed from everything',
      `<p role="status">${address} gets no more mail from ${sender}.</p>${again('Undo: subscribe again')}`,
    )
  }
  if (state.fromList) {
    return page(
      justDone ? 'You are unsubscribed' : 'You are already unsubscribed',
      `<p role="status">${address} gets no more mail from ${list}.</p>${again('Undo: subscribe again')}${everything(sender)}`,
    )
  }
  if (justDone) {
    return page(
      'You are subscribed again',
      `<p role="status">${address} gets mail from ${list} as before.</p>${unsubscribeForms(state, sender)}`,
    )
  }
  return page('Unsubscribe?', `<p>${address} gets mail from ${list}.</p>${unsubscribeForms(state, sender)}`)
}

export function unknownLinkPage(): string {
  return page(
    'This link does not work',
    '<p>Perhaps a part of it is missing. Open it again from the email, or answer the email and ask to be taken off the list.</p>',
  )
}

export function misunderstoodPage(): string {
  return page(
    'Nothing was changed',
    '<p>The request was not complete. Open the link in the email again and use a button of that page.</p>',
  )
}

/** `ann@example.com` is `a•••@example.com`: the owner knows it, a finder of the link does not learn it. */
export function maskAddress(address: string): string {
  const at = address.lastIndexOf('@')
  const [first = ''] = address.slice(0, at)
  return `${first}•••${address.slice(at)}`
}

function unsubscribeForms(state: SubscriptionState, sender: string): string {
  return state.listName === null
    ? everything(sender)
    : button('list', `Unsubscribe from ${escape(state.listName)}`, '') + everything(sender)
}

function everything(sender: string): string {
  return button('everything', `Unsubscribe from everything by ${sender}`, 'second')
}

function again(label: string): string {
  return button('subscribe', label, 'second')
}

/** A form of its own posts to this same address: it works without scripts. */
function button(action: string, label: string, kind: string): string {
  const look = kind === '' ? '' : ` class="${kind}"`
  return `<form method="post"><input type="hidden" name="action" value="${action}"><button type="submit"${look}>${label}</button></form>`
}

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${STYLE}</style></head>
<body><main><h1>${title}</h1>${content}</main></body>
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

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
