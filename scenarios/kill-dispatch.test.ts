import { test } from 'node:test'
import { provesThatKillsDoNothing } from './kills.ts'

test('SIGKILL of dispatch loses nothing and doubles nothing', (t) =>
  provesThatKillsDoNothing(t, {
    role: 'dispatch',
    times: 3,
    isKilledFirst: true,
    settings: { PIGEON_FANOUT_CHUNK: '500' },
  }))
