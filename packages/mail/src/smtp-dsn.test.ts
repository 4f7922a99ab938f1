import assert from 'node:assert/strict'
import test from 'node:test'
import { dsnOfMail, dsnOfRcpt, failuresOnly, xtext } from './smtp-dsn.ts'

/** What a server makes of xtext (RFC 3461 4). */
function fromXtext(text: string): string {
  assert.match(text, /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/)
  const hex = text.replace(/[^+]|\+(..)/g, (ch, pair?: string) => pair ?? ch.charCodeAt(0).toString(16))
  return Buffer.from(hex, 'hex').toString()
}

test('xtext holds plain characters only and reads back as what it was', () => {
  assert.equal(xtext('a+b=c@x.example'), 'a+2Bb+3Dc@x.example')
  for (const text of ['', 'plain', 'a b\tc\r\n', '+=+=', 'käthe+тест 🕊', '\0\x7f']) {
    assert.equal(fromXtext(xtext(text)), text)
  }
})

test('our own mail asks for reports of failures with the header, under the id of the message', () => {
  const request = failuresOnly('0198c0de-1')
  assert.equal(dsnOfMail(request), ' RET=HDRS ENVID=0198c0de-1')
  assert.equal(dsnOfRcpt(request, 'a+news@x.example'), ' NOTIFY=FAILURE ORCPT=rfc822;a+2Bnews@x.example')
})

test('what a customer asks for is passed on', () => {
  const request = { returns: 'full', notify: ['success', 'delay'] } as const
  assert.equal(dsnOfMail(request), ' RET=FULL')
  assert.match(dsnOfRcpt(request, 'a@x.example'), /^ NOTIFY=SUCCESS,DELAY /)
  assert.match(dsnOfRcpt({ returns: 'full', notify: 'never' }, 'a@x.example'), /^ NOTIFY=NEVER /)
  assert.match(dsnOfRcpt({ returns: 'full', notify: [] }, 'a@x.example'), /^ NOTIFY=NEVER /)
})

test('an envelope id that the parameter cannot hold is left out', () => {
  for (const id of ['', 'käthe', 'a\nb']) assert.equal(dsnOfMail(failuresOnly(id)), ' RET=HDRS')

  assert.equal(dsnOfMail(failuresOnly('x'.repeat(100))), ` RET=HDRS ENVID=${'x'.repeat(100)}`)
  assert.equal(dsnOfMail(failuresOnly(`+${'x'.repeat(99)}`)), ' RET=HDRS')
})

test('a recipient with letters outside ASCII keeps them, and nothing in it can end the parameter', () => {
  const rcpt = dsnOfRcpt(failuresOnly('1'), 'jo+sé=\\\u0001 x@x.example')
  assert.equal(rcpt, ' NOTIFY=FAILURE ORCPT=utf-8;jo\\x{2B}sé\\x{3D}\\x{5C}\\x{1}\\x{20}x@x.example')
})
