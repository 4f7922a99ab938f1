import { escape, maskAddress, page } from './page.ts'
import type { SubscriptionState } from './unsubscribe.ts'

/** What stands now and what may be done about it. `justDone` makes it a confirmation; `listsUrl` is the page of all lists. */
export function subscriptionPage(state: SubscriptionState, justDone: boolean, listsUrl: string): string {
  const address = `<strong>${escape(maskAddress(state.recipient))}</strong>`
  const sender = escape(state.senderName)
  const list = state.listName === null ? sender : `<strong>${escape(state.listName)}</strong> (${sender})`
  const undo = button('subscribe', justDone ? 'Undo: subscribe again' : 'Subscribe again', 'second')
  const more = `<p class="more"><a href="${escape(listsUrl)}">Choose among your lists</a></p>`
  if (state.fromEverything) {
    return page(
      `You are ${justDone ? '' : 'already '}unsubscribed from everything`,
      `<p role="status">${address} gets no more mail from ${sender}.</p>${undo}${more}`,
      'done',
    )
  }
  if (state.fromList) {
    return page(
      `You are ${justDone ? '' : 'already '}unsubscribed`,
      `<p role="status">${address} gets no more mail from ${list}.</p>${undo}${everything(sender)}${more}`,
      'done',
    )
  }
  if (justDone) {
    return page(
      'You are subscribed again',
      `<p role="status">${address} gets mail from ${list} as before.</p>${unsubscribeForms(state, sender, 'second')}${more}`,
      'done',
    )
  }
  return page(
    'Unsubscribe?',
    `<p>${address} gets mail from ${list}.</p>${unsubscribeForms(state, sender, 'first')}${more}`,
    'mail',
  )
}

/** For links of the content, whose tokens are not ours. */
export function brokenLinkPage(): string {
  return page(
    'This link does not work',
    '<p>Perhaps a part of it is missing. Open it again from the email.</p>',
    'mail',
  )
}

export function unknownLinkPage(): string {
  return page(
    'This link does not work',
    '<p>Perhaps a part of it is missing. Open it again from the email, or answer the email and ask to be taken off the list.</p>',
    'mail',
  )
}

export function misunderstoodPage(): string {
  return page(
    'Nothing was changed',
    '<p>The request was not complete. Open the link in the email again and use a button of that page.</p>',
    'mail',
  )
}

type Look = 'first' | 'second'

function unsubscribeForms(state: SubscriptionState, sender: string, look: Look): string {
  return state.listName === null
    ? everything(sender, look)
    : button('list', `Unsubscribe from ${escape(state.listName)}`, look) + everything(sender)
}

function everything(sender: string, look: Look = 'second'): string {
  return button('everything', `Unsubscribe from everything by ${sender}`, look)
}

/** A form of its own posts to this same address: it works without scripts. */
function button(action: string, label: string, look: Look): string {
  return `<form method="post"><input type="hidden" name="action" value="${action}"><button type="submit" class="${look}">${label}</button></form>`
}
