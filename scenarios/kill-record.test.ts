import { test } from 'node:test'
import { provesThatKillsDoNothing } from './kills.ts'

test('SIGKILL of record loses no outcome and doubles nothing', (t) =>
  provesThatKillsDoNothing(t, { role: 'record', times: 4 }))
