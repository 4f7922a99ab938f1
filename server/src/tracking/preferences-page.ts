import { escape, maskAddress, page } from './page.ts'
import type { ListChoice } from './preferences.store.ts'
import type { Preferences, SavedPreferences } from './preferences.ts'

/** The lists with a box each, which are posted to `action`. `saved` makes it a confirmation. */
export function preferencesPage(
  preferences: Preferences,
  { action, saved = false }: { readonly action: string; readonly saved?: boolean },
): string {
  const sender = escape(preferences.senderName)
  const address = `<strong>${escape(maskAddress(preferences.recipient))}</strong>`
  const status = saved
    ? `<p role="status">Saved: these are the lists by ${sender} for ${address} now.</p>`
    : `<p>Choose what ${address} gets from ${sender}.</p>`
  if (preferences.lists.length === 0)
    return page('Your lists', `<p>There is no list by ${sender} to choose from.</p>`, 'mail')
  return page(
    saved ? 'Your choice is saved' : 'Your lists',
    `${status}${form(preferences.lists, action)}`,
    saved ? 'done' : 'mail',
  )
}

/** What was left is saved; what is wanted again needs a second step. */
export function confirmPage({ toConfirm, senderName }: SavedPreferences, action: string): string {
  const names = toConfirm.map(({ name }) => `<li>${escape(name)}</li>`).join('')
  return page(
    'One more step',
    `<p role="status">Everything else is saved. Do you want to get mail from ${escape(senderName)} for these lists again?</p><ul>${names}</ul>${confirmForm(action)}`,
    'mail',
  )
}

/** The second step opened by its address: opening it alone changes nothing. */
export function confirmQuestionPage(action: string): string {
  return page('One more step', `<p>Do you want to be subscribed again?</p>${confirmForm(action)}`, 'mail')
}

function confirmForm(action: string): string {
  return `<form method="post" action="${escape(action)}"><button type="submit">Yes, subscribe again</button></form>`
}

function form(lists: readonly ListChoice[], action: string): string {
  const boxes = lists.map(({ id, name, description, is_subscribed }) => {
    const about = description === null ? '' : `<small>${escape(description)}</small>`
    const checked = is_subscribed ? ' checked' : ''
    return `<label><input type="checkbox" name="list" value="${id}"${checked}><span>${escape(name)}${about}</span></label>`
  })
  return `<form method="post" action="${escape(action)}"><fieldset><legend>Lists</legend>${boxes.join('')}</fieldset><button type="submit">Save</button></form>`
}
