import type { MessageInput } from './mime.ts'

/** One realistic text for each of five scripts and for emoji: name, subject, body. */
export const SCRIPTS = [
  {
    script: 'Latin with accents',
    name: 'Zoë Müller-Łukasz, Ph.D.',
    subject: 'Déjà vu à Gdańsk: señor Ångström fête ses 30 ans, et bien plus encore cette année, çà et là',
    body: 'Chère Zoë,\n\nl’été à Gdańsk coûte 10 € = très peu.\n\nÀ bientôt,\nFrançois',
  },
  {
    script: 'Cyrillic',
    name: 'Юлия Ковалёва',
    subject: 'Ваш заказ № 1024 отправлен: спасибо, что выбрали наш магазин в этом году',
    body: 'Здравствуйте, Юлия!\n\nВаш заказ уже в пути. Отследить посылку можно на сайте.\n\nС уважением, магазин «Голубь»',
  },
  {
    script: 'Arabic',
    name: 'فاطمة الزهراء',
    subject: 'مرحبًا بك في النشرة الإخبارية الأسبوعية، وإليك أهم أخبار هذا الأسبوع',
    body: 'مرحبًا فاطمة،\n\nشكرًا لاشتراكك في نشرتنا. نتمنى لك يومًا سعيدًا.\n\nمع التحية',
  },
  {
    script: 'Devanagari',
    name: 'अनन्या शर्मा',
    subject: 'आपका ऑर्डर भेज दिया गया है: हमारे साथ खरीदारी करने के लिए धन्यवाद',
    body: 'नमस्ते अनन्या,\n\nआपका पार्सल कल तक पहुँच जाएगा।\n\nधन्यवाद',
  },
  {
    script: 'Chinese',
    name: '王小明',
    subject: '您的订单已发货:感谢您的购买,我们期待再次为您服务,祝您生活愉快万事如意',
    body: '尊敬的王小明:\n\n您的包裹预计明天送达。\n\n此致\n敬礼',
  },
  {
    script: 'emoji',
    name: 'Team 🕊️ Pigeon',
    subject: '🎉🎉 You made it 👩‍👩‍👧‍👦 🏳️‍🌈 — 50% off 🛒 for you and for the whole family, today only 🎁',
    body: 'Hi 👋\n\nflags 🇮🇳🇫🇷, families 👨‍👩‍👧, skin tones 👍🏽.\n\n🕊️',
  },
] as const

/** A newsletter of about 10 KB in ASCII, with a text part, as a campaign sends it. */
export function newsletter(): MessageInput {
  const row =
    '    <tr>\n      <td style="padding: 12px 24px; font: 16px/24px Arial, sans-serif">\n' +
    '        <h2>This week at the workshop</h2>\n        <p>Dear Alice, three new pieces arrived &amp; are waiting.</p>\n' +
    '        <a href="https://news.example.com/c/abcdefghijklmnop">Read more</a>\n      </td>\n    </tr>\n'
  const html = `<!doctype html>\n<html>\n<body>\n  <table role="presentation">\n${row.repeat(30)}  </table>\n</body>\n</html>\n`
  return {
    from: { name: 'The Workshop', email: 'news@example.com' },
    to: { name: 'Alice Example', email: 'alice@example.net' },
    replyTo: { email: 'hello@example.com' },
    subject: 'Three new pieces this week',
    date: new Date('2026-11-22T03:00:00Z'),
    messageId: '<0192f0c1-7d3e-7c11-8b5a-0123456789ab@example.com>',
    headers: [
      [
        'List-Unsubscribe',
        '<https://t.example.com/u/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA>, <mailto:u@example.com>',
      ],
      ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
      ['Feedback-ID', 'campaign1:tenant1:news:pigeon'],
    ],
    text: 'This week at the workshop\n\nDear Alice, three new pieces arrived.\n'.repeat(12),
    html,
  }
}
