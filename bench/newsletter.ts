import type { BenchTemplate } from './customer.ts'

const SENTENCES = [
  'The garden at the corner of the market opens its gates again on the first Saturday of the month.',
  'Bring a friend, and the second cup of coffee is on us until the end of the week.',
  'We have mended forty bicycles since we last wrote, and given every one of them back to its owner.',
  'If it rains we meet in the old depot, where the big table and the tiled stove are.',
  'Seeds, seedlings and good advice are free; what you give for the cake goes to the roof.',
]
/** Headers with both signatures, the boundaries and the text part. */
const OTHER_OCTETS = 3_050

/** What a shop sends to one person at once. */
export function receipt(): BenchTemplate {
  const words = `Dear {{ first_name }}, we have your order and pack it today.`
  return { subject: 'Your order', html: `<p>${words}</p>`, text: `${words}\n` }
}

/** A personalised newsletter whose messages have about `size` octets as they are sent. */
export function newsletter(size: number): BenchTemplate {
  const opening =
    '<html><body style="font-family:sans-serif"><h1>Hello {{ first_name }} {{ last_name }}</h1>' +
    '<p>How is life in {{ city }}? You are on the plan {{ plan | upcase }} since {{ signup_date }}.</p>\n'
  const closing =
    '{% if plan == "free" %}<p>Thank you for trying it.</p>{% else %}<p>Thank you for your trust.</p>{% endif %}' +
    '<p>Sent to {{ email }}. <a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
  let body = ''
  for (let n = 0; OTHER_OCTETS + opening.length + body.length + closing.length < size; n += 1) {
    const sentence = SENTENCES[n % SENTENCES.length] ?? ''
    const greeting = n % 10 === 9 ? '{{ first_name }}, ' : ''
    body += `<p style="margin:0 0 1em">${greeting}${sentence}</p>\n`
  }
  const words = SENTENCES.join('\n\n')
  return {
    subject: 'News for {{ first_name }} in {{ city }}',
    html: opening + body + closing,
    text: `Hello {{ first_name }} {{ last_name }},\n\nhow is life in {{ city }}?\n\n${words}\n\nUnsubscribe: {{ unsubscribe_url }}\n`,
  }
}
