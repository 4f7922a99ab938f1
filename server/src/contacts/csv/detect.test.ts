import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { examineFile } from '#contacts/examine-file.ts'
import type { FileHints } from '#contacts/examine-file.ts'
import { mapColumns } from './map-columns.ts'

async function examine(content: string | Buffer, hints: FileHints = {}) {
  const bytes = Buffer.from(content)
  return examineFile(
    async () => Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false }),
    hints,
  )
}

async function good(content: string | Buffer, hints: FileHints = {}) {
  const examined = await examine(content, hints)
  assert.ok(examined.ok, examined.ok ? '' : examined.message)
  const { encoding, delimiter, quote, header, columns } = examined.dialect
  const targets = Object.fromEntries(examined.mapping.map(({ column, target }) => [column, target]))
  return { encoding, delimiter, quote, header, columns, targets, dialect: examined.dialect }
}

async function refusal(content: string | Buffer, hints: FileHints = {}) {
  const examined = await examine(content, hints)
  assert.ok(!examined.ok)
  return { code: examined.code, message: examined.message }
}

for (const [name, delimiter] of Object.entries({ comma: ',', semicolon: ';', tab: '\t', pipe: '|' })) {
  test(`${name}s between cells are recognised, with other delimiters inside quotes and texts`, async () => {
    const rows = [
      ['email', 'note', 'city'],
      ['a@x.com', '"1,2;3|4\t5"', 'Rio'],
      ['b@x.com', 'plain', 'São Paulo'],
    ]
    const found = await good(rows.map((row) => row.join(delimiter)).join('\n'))
    assert.equal(found.delimiter, delimiter)
    assert.deepEqual(found.columns, ['email', 'note', 'city'])
  })
}

test('a semicolon file with decimal commas is not taken for a comma file', async () => {
  const found = await good('email;score;total\na@x.com;1,5;2,5\nb@x.com;2,5;3,5\n')
  assert.equal(found.delimiter, ';')
})

const TEXT = 'email,first_name\nann@example.com,Zoë\nbob@example.com,Jürgen\n'

test('encodings are told apart: UTF-8 and UTF-16 with and without byte order mark, and Windows-1252', async () => {
  const le = Buffer.from(TEXT, 'utf16le')
  const files = {
    'utf-8 0': Buffer.from(TEXT),
    'utf-8 3': Buffer.from(`\ufeff${TEXT}`),
    'utf-16le 0': le,
    'utf-16le 2': Buffer.from(`\ufeff${TEXT}`, 'utf16le'),
    'utf-16be 0': Buffer.from(le).swap16(),
    'utf-16be 2': Buffer.from(`\ufeff${TEXT}`, 'utf16le').swap16(),
    'windows-1252 0': Buffer.from(TEXT, 'latin1'),
  }
  for (const [name, bytes] of Object.entries(files)) {
    const { dialect, targets } = await good(bytes)
    assert.equal(`${dialect.encoding} ${dialect.bom_bytes}`, name)
    assert.deepEqual(targets, { email: 'email', first_name: 'first_name' }, name)
  }
})

test('the first letter outside ASCII may stand far behind the beginning', async () => {
  const many = 'email,city\n' + Array.from({ length: 40_000 }, (_, i) => `p${i}@example.com,Rome\n`).join('')
  assert.equal((await good(`${many}x@example.com,Köln\n`)).encoding, 'utf-8')
  assert.equal((await good(Buffer.from(`${many}x@example.com,Köln\n`, 'latin1'))).encoding, 'windows-1252')
})

test('one damaged line does not turn a UTF-8 file into Windows-1252', async () => {
  const good8 = Buffer.from('email,city\na@x.com,Köln\nb@x.com,Zürich\n')
  assert.equal(
    (await good(Buffer.concat([good8, Buffer.from('c@x.com,K\xf6ln\n', 'latin1')]))).encoding,
    'utf-8',
  )
})

test('single quotes, lines that end with CR alone, and the line sep=; are understood', async () => {
  assert.equal((await good("'email','name'\n'a@x.com','A, B'\n'b@x.com','C'\n")).quote, "'")
  assert.equal((await good('email,city\ra@x.com,Rio\rb@x.com,Ulm\r')).dialect.newline, '\r')
  const excel = await good('sep=;\r\nemail;city\r\na@x.com;Rio, BR\r\n')
  assert.deepEqual([excel.delimiter, excel.dialect.sep_line, excel.columns], [';', true, ['email', 'city']])
})

test('a file without header is recognised by the address in its first row; columns have numbers', async () => {
  const found = await good('Ann,ann@x.com,Rio\nBob,bob@x.com,Ulm\n')
  assert.equal(found.header, false)
  assert.deepEqual(found.targets, { 1: 'attributes.column_1', 2: 'email', 3: 'attributes.column_3' })
})

test('a header with unknown names is recognised by the addresses below it', async () => {
  const found = await good('Kunde,Kontakt\nAnn,ann@x.com\nBob,bob@x.com\n')
  assert.deepEqual([found.header, found.targets], [true, { Kunde: 'attributes.kunde', Kontakt: 'email' }])
})

test('columns are mapped by their names in five languages', async () => {
  const headers = [
    ['Email Address', 'First Name', 'Surname'],
    ['E-Mail-Adresse', 'Vorname', 'Name'],
    ['Adresse e-mail', 'Prénom', 'Nom de famille'],
    ['Correo electrónico', 'Nombre', 'Apellidos'],
    ['ENDEREÇO DE E-MAIL', 'Primeiro nome', 'Sobrenome'],
    ['Correo', 'nombre', 'apellido'],
    ['courriel', 'prenom', 'nom'],
  ]
  for (const header of headers) {
    const found = await good(`${header.join(',')}\nx@y.com,A,B\n`)
    assert.deepEqual(Object.values(found.targets), ['email', 'first_name', 'last_name'], header.join())
  }
})

test('a name that stands twice in the header gets a number, and of two address columns the first is taken', () => {
  const mapped = mapColumns(['email', 'City', 'city', 'E-Mail', ''], [])
  assert.ok(mapped.ok)
  assert.deepEqual(mapped.columns, [
    { column: 'email', target: 'email' },
    { column: 'City', target: 'attributes.city' },
    { column: 'city_2', target: 'attributes.city_2' },
    { column: 'E-Mail_2', target: 'attributes.e_mail_2' },
    { column: 'column_5', target: 'attributes.column_5' },
  ])
})

test('a mapping that is given wins, and one that does not fit is refused by name', () => {
  const names = ['Kunde', 'mail', 'Ort']
  const mapped = mapColumns(names, [], { kunde: 'email', mail: 'ignore', Ort: 'attributes.city' })
  assert.ok(mapped.ok)
  assert.deepEqual(
    mapped.columns.map(({ target }) => target),
    ['email', 'ignore', 'attributes.city'],
  )
  for (const [wanted, code] of [
    [{ Nobody: 'email' }, 'unknown_column'],
    [{ Kunde: 'email', mail: 'email' }, 'target_twice'],
    [{ Ort: 'attributes.no way' }, 'bad_attribute_name'],
  ] as const) {
    const refused = mapColumns(names, [], wanted)
    assert.equal(refused.ok ? '' : refused.code, code)
  }
})

test('what cannot be imported says what to do', async () => {
  assert.match((await refusal('')).message, /empty/)
  assert.match((await refusal('\ufeff\n\n')).message, /empty/)
  assert.match((await refusal(Buffer.from('PK\x03\x04rest', 'latin1'))).message, /save it as CSV/)
  assert.match(
    (await refusal(Buffer.from([0x89, 0x50, 0, 1, 0, 0, 7, 0, 200, 0, 0, 1]))).message,
    /not a text file/,
  )
  const none = await refusal('name,city\nAnn,Rio\nBob,Ulm\n')
  assert.equal(none.code, 'no_address_column')
  assert.match(none.message, /"name", "city".*mapping/)
  assert.equal(
    (await refusal(Array.from({ length: 600 }, (_, i) => `c${i}`).join(','))).code,
    'too_many_columns',
  )
})

test('a single line of many megabytes is no CSV file, and is told so in a short sentence', async () => {
  const refused = await refusal(Buffer.alloc(8 * 1024 * 1024, 'x'))
  assert.ok(refused.message.length < 2_000)
})

test('a first line that is too long is left to the reject file when good lines follow', async () => {
  const found = await good(
    Buffer.concat([Buffer.alloc(2 * 1024 * 1024, 'x'), Buffer.from('\nemail,city\na@x.com,Rio\n')]),
  )
  assert.deepEqual(found.columns, ['email', 'city'])
})

test('delimiter and encoding that are given are not found out', async () => {
  assert.equal((await good('email|a,b\nx@y.com|1,2\n', { delimiter: '|' })).delimiter, '|')
  assert.equal(
    (await good(Buffer.from([...Buffer.from('email,c\nx@y.com,'), 0xdf, 0x0a]), { encoding: 'windows-1251' }))
      .encoding,
    'windows-1251',
  )
})
