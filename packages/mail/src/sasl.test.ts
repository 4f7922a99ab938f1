import assert from 'node:assert/strict'
import test from 'node:test'
import { MailError } from './mail-error.ts'
import { chooseMechanism, startSasl, type SaslCredentials } from './sasl.ts'

const login: SaslCredentials = { user: 'tim', kind: 'password', secret: 'tanstaaftanstaaf' }

test('PLAIN sends user name and password at once', () => {
  const exchange = startSasl('PLAIN', { ...login, user: 'käthe' }, 'n')
  assert.equal(exchange.initial, '\0käthe\0tanstaaftanstaaf')
  assert.throws(() => exchange.next(''), MailError)
})

test('LOGIN answers two questions, whatever they are called', () => {
  const exchange = startSasl('LOGIN', login, 'n')
  assert.deepEqual(
    [exchange.initial, exchange.next('Username:'), exchange.next('Password:')],
    [undefined, 'tim', 'tanstaaftanstaaf'],
  )
  assert.throws(() => exchange.next('Shoe size:'), MailError)
})

test('CRAM-MD5 gives the answer of the example in RFC 2195', () => {
  const exchange = startSasl('CRAM-MD5', login, 'n')
  assert.equal(
    exchange.next('<1896.697170952@postoffice.reston.mci.net>'),
    'tim b913a602c7eda7a495b4e6e7334d3890',
  )
})

/** RFC 7677 3. */
const NONCE = 'rOprNGfwEbeRWgbNEkqO'
const pencil: SaslCredentials = { user: 'user', kind: 'password', secret: 'pencil' }
const SERVER_FIRST = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
const SERVER_FINAL = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='

test('SCRAM-SHA-256 gives the answers of the example in RFC 7677, and ends only when the server has proved itself', () => {
  const exchange = startSasl('SCRAM-SHA-256', pencil, NONCE)
  assert.equal(exchange.initial, 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
  assert.equal(
    exchange.next(SERVER_FIRST),
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  )
  assert.equal(exchange.mayEnd(), false)
  assert.equal(exchange.next(SERVER_FINAL), '')
  assert.equal(exchange.mayEnd(), true)
})

test('a SCRAM server that is not what it says gets no proof', () => {
  const bad = [
    '',
    'm=ext,r=x',
    SERVER_FIRST.replace('r=rO', 'r=xx'),
    `r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
    SERVER_FIRST.replace('4096', '1'),
    SERVER_FIRST.replace('4096', '100000000'),
    SERVER_FIRST.replace('4096', '4096x'),
  ]
  for (const first of bad)
    assert.throws(() => startSasl('SCRAM-SHA-256', pencil, NONCE).next(first), MailError, first)
  for (const last of ['', 'v=', 'v=AAAA', 'e=invalid-proof', SERVER_FINAL.replace('6rri', '6rrj')]) {
    const exchange = startSasl('SCRAM-SHA-256', pencil, NONCE)
    exchange.next(SERVER_FIRST)
    assert.throws(() => exchange.next(last), MailError, last)
    assert.equal(exchange.mayEnd(), false)
  }
})

test('a SCRAM user name may hold what separates attributes', () => {
  assert.equal(startSasl('SCRAM-SHA-256', { ...pencil, user: 'a=b,c' }, 'n').initial, 'n,,n=a=3Db=2Cc,r=n')
})

test('XOAUTH2 sends the token, and an empty answer to the reason of a refusal', () => {
  const exchange = startSasl('XOAUTH2', { user: 'a@x.example', kind: 'token', secret: 'ya29' }, 'n')
  assert.equal(exchange.initial, 'user=a@x.example\u0001auth=Bearer ya29\u0001\u0001')
  assert.equal(exchange.next('{"status":"400"}'), '')
})

test('over TLS the simplest mechanism is taken, without it the one that hides the password', () => {
  const all = ['CRAM-MD5', 'XOAUTH2', 'LOGIN', 'PLAIN', 'SCRAM-SHA-256', 'DIGEST-MD5']
  assert.equal(chooseMechanism(all, 'password', true), 'PLAIN')
  assert.equal(chooseMechanism(all, 'password', false), 'SCRAM-SHA-256')
  assert.equal(chooseMechanism(['LOGIN', 'CRAM-MD5'], 'password', false), 'CRAM-MD5')
  assert.equal(chooseMechanism(all, 'token', true), 'XOAUTH2')
  assert.equal(chooseMechanism(['GSSAPI', 'XOAUTH2'], 'password', true), undefined)
})

test('what would end a message of SASL early is refused', () => {
  for (const bad of [{ user: 'a\0b' }, { secret: 'a\0b' }, { user: 'a\r\nQUIT' }])
    assert.throws(() => startSasl('PLAIN', { ...login, ...bad }, 'n'), MailError)
})
