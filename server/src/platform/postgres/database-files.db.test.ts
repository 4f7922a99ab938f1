import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { databaseTypes } from './database-types.ts'
import { schemaText } from './schema-text.ts'

test('the same schema gives the same text, and a change of it another', async (t) => {
  const [one, two] = await Promise.all([testDatabase(t), testDatabase(t)])
  const clients = [new Client(one.connections.admin), new Client(two.connections.admin)] as const
  await Promise.all(clients.map(async (client) => client.connect()))
  try {
    const before = await schemaText(clients[0])
    assert.equal(await schemaText(clients[1]), before)
    for (const statement of [
      'alter table contacts disable row level security',
      'grant select on stream_records to pigeon_api',
      'drop policy one_tenant on lists',
      'alter table contacts alter column email drop not null',
      `create function surprise() returns integer language sql as 'select 1'`,
      'create index surprise on contacts (first_name)',
    ]) {
      const last = await schemaText(clients[0])
      await clients[0].query(statement)
      assert.notEqual(await schemaText(clients[0]), last, statement)
    }
  } finally {
    await Promise.all(clients.map(async (client) => client.end()))
  }
})

test('types follow the columns: enums, defaults, nulls, arrays, JSON and what is generated', async (t) => {
  const { connections } = await testDatabase(t)
  const client = new Client(connections.admin)
  await client.connect()
  try {
    await client.query(`
      create type animal_kind as enum ('cat', 'it''s a dog');
      create table animals (
        id bigint generated always as identity, kind animal_kind not null, kinds animal_kind[] not null default '{}',
        born_at timestamptz, tags text[] not null, data jsonb not null, more jsonb default '{}', price numeric not null,
        twice integer generated always as (1 + 1) stored)`)
    const text = await databaseTypes(client)
    assert.match(text, /export type AnimalKind = 'cat' \| 'it\\'s a dog'\n/)
    assert.equal(
      /export interface AnimalsTable \{\n([^}]*)\}/.exec(text)?.[1],
      [
        '  id: ColumnType<number, never, never>',
        '  kind: AnimalKind',
        '  kinds: Generated<AnimalKind[]>',
        '  born_at: Date | null',
        '  tags: string[]',
        '  data: ColumnType<unknown, string, string>',
        '  more: ColumnType<unknown, string | null | undefined, string | null>',
        '  price: string',
        '  twice: ColumnType<number | null, never, never>',
        '',
      ].join('\n'),
    )
    await client.query('create table shapes (n point)')
    await assert.rejects(databaseTypes(client), /shapes\.n has the type point/)
  } finally {
    await client.end()
  }
})
