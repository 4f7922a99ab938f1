import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import test from 'node:test'
import { hasBareLineFeed } from './bare-line-feed.ts'

test('a bare line feed is seen at the beginning, in the middle and at the end', () => {
  for (const text of ['\na\r\n', 'a\nb\r\n', 'a\r\nb\n'])
    assert.ok(hasBareLineFeed(Buffer.from(text)), JSON.stringify(text))
  for (const text of ['', 'a', 'a\r\nb\r\n'])
    assert.ok(!hasBareLineFeed(Buffer.from(text)), JSON.stringify(text))
})
