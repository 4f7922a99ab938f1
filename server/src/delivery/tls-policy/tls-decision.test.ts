import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MxHost } from '#delivery/resolver.ts'
import type { FoundSts } from './sts-policies.ts'
import { decideTls, refusalOf, type TlsDecision } from './tls-decision.ts'
import type { HostDane } from './tlsa-lookup.ts'

const hosts: readonly MxHost[] = ['a.example', 'b.example'].map((name, i) => ({
  name,
  priority: i,
  addresses: [`192.0.2.${i + 1}`],
}))

function dane(usage: number): HostDane {
  const record = { usage, selector: 1, matchingType: 1, data: Buffer.alloc(32, usage) }
  return { kind: 'records', base: 'a.example', records: [record], usable: [record] }
}

function decide(
  domain: string,
  sts: FoundSts,
  found: readonly (readonly [string, HostDane])[] = [],
): TlsDecision {
  return decideTls({ domain, hosts, dane: new Map(found), sts })
}

function sts(mode: 'enforce' | 'testing', ...mx: string[]): FoundSts {
  return { kind: 'policy', id: '1', policy: { mode, mx, maxAgeSeconds: 1 } }
}

function keysOf(decision: TlsDecision): (string | undefined)[] {
  return hosts.map((host) => decision.rules.get(host.name)?.key)
}

test('mail goes to the hosts that are left, in their order', () => {
  const enforced = decide('x.example', sts('enforce', 'b.example'))
  assert.deepEqual(
    enforced.hosts.map((host) => host.name),
    ['b.example'],
  )
  assert.deepEqual(
    enforced.refused.map((host) => host.name),
    ['a.example'],
  )
  assert.equal(refusalOf(enforced), undefined)
  const failed = decide('x.example', { kind: 'none' }, [
    ['a.example', { kind: 'failed', reason: 'SERVFAIL' }],
  ])
  assert.deepEqual(
    failed.hosts.map((host) => host.name),
    ['b.example'],
  )
})

test('a domain with DANE on one host and MTA-STS holds each host to its own', () => {
  const decision = decide('x.example', sts('enforce', 'b.example'), [['a.example', dane(3)]])
  assert.deepEqual(
    hosts.map((host) => decision.rules.get(host.name)?.proof.kind),
    ['dane', 'webpki'],
  )
})

test('domains that ask the same have equal rules, so that their mail shares connections', () => {
  assert.deepEqual(
    keysOf(decide('x.example', sts('enforce', '*.example'))),
    keysOf(decide('y.example', sts('enforce', 'a.example', 'b.example'))),
  )
  const ee = (domain: string) => keysOf(decide(domain, { kind: 'none' }, [['a.example', dane(3)]]))
  assert.deepEqual(ee('x.example'), ee('y.example'))
  const ta = (domain: string) => keysOf(decide(domain, { kind: 'none' }, [['a.example', dane(2)]]))
  assert.notDeepEqual(ta('x.example'), ta('y.example'))
  assert.notDeepEqual(
    keysOf(decide('x.example', sts('enforce', '*.example'))),
    keysOf(decide('x.example', sts('testing', '*.example'))),
  )
})
