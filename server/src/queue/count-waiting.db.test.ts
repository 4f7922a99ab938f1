import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { operationApi } from '@pigeon/server/test/operation-api.ts'
import { countWaiting } from './count-waiting.ts'
import { COUNTED_AT_MOST } from './count.ts'

const WAITING = 30_000
/** Of 8 KB. The rows alone are in 300: who reads all of them reads more than that. */
const MOST_PAGES = 250

test('counting stops at its bound, and reads no more than that', async (t) => {
  const { database, engine, campaignId, tenant } = await operationApi(t)
  const { rows } = await sql<{ id: number }>`select id from destinations order by id`.execute(database.admin)
  const [google = 0, yahoo = 0] = rows.map((row) => row.id)
  await sql`
    insert into deliveries (message_id, tenant_id, queue_id, mode, domain, shard, destination, due_at)
    select gen_random_uuid(), ${tenant.tenantId}, ${campaignId}, 'sandbox', 'google.example', 2, ${google}, now() + n * interval '1 s'
      from generate_series(1, ${WAITING}::int) n`.execute(database.admin)
  await sql`vacuum analyze deliveries`.execute(database.admin)
  const waiting = await countWaiting(engine, [google, yahoo])
  assert.deepEqual(waiting.get(google)?.waiting, { count: COUNTED_AT_MOST, or_more: true })
  assert.deepEqual(waiting.get(yahoo)?.waiting, { count: 0, or_more: false })
  const many = await countWaiting(engine, [google, yahoo, ...Array.from({ length: 9 }, (_, n) => -n)])
  assert.deepEqual(many.get(google)?.waiting, { count: 1_000, or_more: true })
  const plan = await sql<{ 'QUERY PLAN': string }>`
    explain (analyze, buffers, costs off, timing off) select * from count_waiting(${[google]}::integer[], now(), 100)`.execute(
    database.engine,
  )
  const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n')
  const pages = Math.max(...[...text.matchAll(/shared hit=(\d+)/g)].map(([, count]) => Number(count)))
  assert.ok(pages > 0 && pages < MOST_PAGES, text)
})
