/** A share of the contacts and the domain of their addresses. */
export interface WeightedDomain {
  readonly domain: string
  readonly weight: number
}

export interface SampleContacts {
  readonly count: number
  /** The same seed makes the same contacts. */
  readonly seed: number
  readonly domains?: readonly WeightedDomain[]
  /** Local parts that begin with a word which simulated receivers react to (`unknown`, `full`, ...): share of each. */
  readonly words?: Readonly<Record<string, number>>
  /** Share of rows, besides `count`, that no import can take. */
  readonly badRows?: number
}

export const SAMPLE_DOMAINS: readonly WeightedDomain[] = [
  { domain: 'gmail.com', weight: 42 },
  { domain: 'outlook.com', weight: 18 },
  { domain: 'hotmail.com', weight: 9 },
  { domain: 'yahoo.com', weight: 14 },
  { domain: 'gmx.net', weight: 6 },
  { domain: 'web.de', weight: 3 },
  { domain: 'smallisp.example', weight: 3 },
  { domain: 'fjordnett.example', weight: 2 },
  { domain: 'alpenkabel.example', weight: 2 },
  { domain: 'müller-bäckerei.example', weight: 1 },
]

export const SAMPLE_WORDS: Readonly<Record<string, number>> = {
  unknown: 0.02,
  full: 0.006,
  greylist: 0.03,
  slow: 0.005,
  cut: 0.004,
}

interface Culture {
  readonly first: readonly (readonly [name: string, ascii: string])[]
  readonly last: readonly (readonly [name: string, ascii: string])[]
  readonly cities: readonly string[]
}

/** Names as they are written, and as their owners write them in an address. */
const CULTURES: readonly Culture[] = [
  {
    first: names('Emma Olivia Noah James Lucas Grace Henry Ruby Jack Chloe Ethan Zoe'),
    last: names("Smith Johnson Brown Taylor Walker Harris O'Brien Clarke Hughes Turner", [
      "O'Brien",
      'obrien',
    ]),
    cities: ['London', 'New York', 'Toronto', 'Sydney', 'Dublin', 'Washington, D.C.'],
  },
  {
    first: names(
      'Jürgen Käthe Lukas Anna Björn Günter Sophie Jörg',
      ['Jürgen', 'juergen'],
      ['Käthe', 'kaethe'],
      ['Björn', 'bjoern'],
      ['Günter', 'guenter'],
      ['Jörg', 'joerg'],
    ),
    last: names(
      'Müller Schäfer Weiß Becker Hoffmann Köhler Vogel',
      ['Müller', 'mueller'],
      ['Schäfer', 'schaefer'],
      ['Weiß', 'weiss'],
      ['Köhler', 'koehler'],
    ),
    cities: ['Berlin', 'Köln', 'München', 'Zürich', 'Wien', 'Halle (Saale)'],
  },
  {
    first: names(
      'João Conceição Inês Tiago Beatriz Amélie Loïc José Begoña Íñigo',
      ['João', 'joao'],
      ['Conceição', 'conceicao'],
      ['Inês', 'ines'],
      ['Amélie', 'amelie'],
      ['Loïc', 'loic'],
      ['José', 'jose'],
      ['Begoña', 'begona'],
      ['Íñigo', 'inigo'],
    ),
    last: names(
      'Gonçalves Araújo Lefèvre Muñoz Ibáñez Silva Dubois',
      ['Gonçalves', 'goncalves'],
      ['Araújo', 'araujo'],
      ['Lefèvre', 'lefevre'],
      ['Muñoz', 'munoz'],
      ['Ibáñez', 'ibanez'],
    ),
    cities: ['São Paulo', 'Lisboa', 'Montréal', 'A Coruña', 'Málaga', 'Saint-Étienne'],
  },
  {
    first: [
      ['Анна', 'anna'],
      ['Дмитрий', 'dmitriy'],
      ['Ольга', 'olga'],
      ['Олексій', 'oleksiy'],
      ['Ελένη', 'eleni'],
      ['Γιώργος', 'giorgos'],
    ],
    last: [
      ['Иванова', 'ivanova'],
      ['Шевченко', 'shevchenko'],
      ['Кузнецов', 'kuznetsov'],
      ['Παπαδόπουλος', 'papadopoulos'],
    ],
    cities: ['Київ', 'София', 'Αθήνα', 'Θεσσαλονίκη'],
  },
  {
    first: [
      ['明', 'ming'],
      ['美咲', 'misaki'],
      ['지훈', 'jihoon'],
      ['राज', 'raj'],
      ['प्रिया', 'priya'],
      ['فاطمة', 'fatima'],
      ['יעל', 'yael'],
    ],
    last: [
      ['王', 'wang'],
      ['佐藤', 'sato'],
      ['김', 'kim'],
      ['शर्मा', 'sharma'],
      ['حسن', 'hassan'],
      ['כהן', 'cohen'],
    ],
    cities: ['東京', '上海', '서울', 'मुंबई', 'القاهرة', 'תל אביב'],
  },
]

const PLANS = ['free', 'free', 'free', 'starter', 'starter', 'pro', 'business']
const DEFAULT_BAD_ROWS = 0.005
const ROWS_AT_A_TIME = 500
const DAY_MS = 86_400_000
const FIRST_SIGNUP_MS = Date.UTC(2021, 0, 1)
const SIGNUP_DAYS = 1_800

/** What people's exports really hold. Each of these rows is refused for itself alone. */
const BAD_ROWS: readonly ((n: number) => string)[] = [
  (n) => `no-at-sign-${n},Nobody,Reachable,Berlin,free,2024-01-01`,
  (n) => `two words${n}@example.com,Space,Inside,Paris,free,2024-01-01`,
  (n) => `,Without,Address ${n},Roma,free,2024-01-01`,
  (n) => `"line${n}@example.com\r\nBcc: everybody@example.com",Line,Break,Wien,free,2024-01-01`,
  (n) => `twice..dots${n}@example.com,Double,Dot,Porto,free,2024-01-01`,
  (n) => `nowhere${n}@localhost,No,Domain,Oslo,free,2024-01-01`,
  (n) => `${'x'.repeat(300)}${n}@example.com,Much,Too long,Lyon,free,2024-01-01`,
  (n) => `comma${n}@example.com,One,Cell,too,many,free,2024-01-01`,
  (n) => `quote${n}@example.com,"never closed,Again,Gent,free,2024-01-01`,
]

/**
 * Realistic contacts as CSV, piece by piece: names in several scripts, cities, a plan and the date of signing up, with
 * some rows that cannot be imported in between. Good rows are exactly `count`, with `count` different addresses.
 */
export function* sampleContactsCsv(options: SampleContacts): Generator<string> {
  const random = randomNumbers(options.seed)
  const domainOf = picker(options.domains ?? SAMPLE_DOMAINS)
  const words = Object.entries(options.words ?? SAMPLE_WORDS)
  const badRows = options.badRows ?? DEFAULT_BAD_ROWS
  let piece = 'email,first_name,last_name,city,plan,signup_date\r\n'
  for (let n = 0; n < options.count; n += 1) {
    if (random() < badRows) piece += `${pick(BAD_ROWS, random)(n)}\r\n`
    piece += row(n, random, domainOf(random()), wordOf(words, random()))
    if (n % ROWS_AT_A_TIME === ROWS_AT_A_TIME - 1) {
      yield piece
      piece = ''
    }
  }
  yield piece
}

function row(n: number, random: () => number, domain: string, word: string): string {
  const culture = pick(CULTURES, random)
  const [first, asciiFirst] = pick(culture.first, random)
  const [last, asciiLast] = pick(culture.last, random)
  const local = `${word}${asciiFirst}.${asciiLast}.${n.toString(36)}`
  const date = new Date(FIRST_SIGNUP_MS + Math.floor(random() * SIGNUP_DAYS) * DAY_MS)
    .toISOString()
    .slice(0, 10)
  return `${local}@${domain},${cell(first)},${cell(last)},${cell(pick(culture.cities, random))},${pick(PLANS, random)},${date}\r\n`
}

function wordOf(words: readonly (readonly [string, number])[], at: number): string {
  let sum = 0
  for (const [word, share] of words) {
    sum += share
    if (at < sum) return `${word}.`
  }
  return ''
}

function cell(text: string): string {
  return text.includes(',') ? `"${text}"` : text
}

function names(all: string, ...spelled: readonly (readonly [string, string])[]): [string, string][] {
  const ascii = new Map(spelled)
  return all.split(' ').map((name) => [name, ascii.get(name) ?? name.toLowerCase()])
}

function pick<T>(from: readonly T[], random: () => number): T {
  const found = from[Math.floor(random() * from.length)]
  if (found === undefined) throw new RangeError('Nothing to pick from.')
  return found
}

function picker(domains: readonly WeightedDomain[]): (at: number) => string {
  const total = domains.reduce((sum, { weight }) => sum + weight, 0)
  const last = domains.at(-1)?.domain ?? 'example.com'
  return (at) => {
    let sum = 0
    for (const { domain, weight } of domains) {
      sum += weight / total
      if (at < sum) return domain
    }
    return last
  }
}

/** Mulberry32: small, fast, and the same everywhere. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
