import { test } from 'node:test'
import { provesThatKillsDoNothing } from './kills.ts'

test('SIGKILL of PostgreSQL loses nothing and doubles nothing', (t) =>
  provesThatKillsDoNothing(t, { role: 'postgres', times: 3 }))
