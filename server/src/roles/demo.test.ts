import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDemoArgs } from './demo.ts'

test('the demo has a thousand contacts unless it is told otherwise', () => {
  assert.equal(parseDemoArgs([]).contacts, 1000)
  assert.deepEqual(parseDemoArgs(['--contacts', '250', '--json', '--keep']), {
    contacts: 250,
    isJson: true,
    keeps: true,
    isHelp: false,
  })
})

for (const contacts of ['0', '-1', '1.5', '5000001', 'many', '', '1e3', '99999999999']) {
  test(`${JSON.stringify(contacts)} contacts are refused with a sentence`, () => {
    assert.throws(() => parseDemoArgs([`--contacts=${contacts}`]), {
      code: 'demo.usage',
      message: /--contacts is a whole number from 1 to 5000000/,
    })
  })
}

test('an unknown option is refused and the usage is shown', () => {
  assert.throws(() => parseDemoArgs(['--contatcs', '5']), { code: 'demo.usage', message: /npm run demo/ })
})
