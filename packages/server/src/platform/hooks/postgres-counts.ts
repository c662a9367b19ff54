import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../db/database.ts'
import type { Block, RowsOf } from './hooks.ts'

/** Counting stops here, so that years of runs cost no more than a week of them. */
export const countedMax = 10_000

/** Counts each set of rows up to `countedMax`, all in one statement. */
export async function countAll(
  db: Db,
  rowsByName: Readonly<Record<string, RawBuilder<unknown>>>,
): Promise<Readonly<Record<string, number>>> {
  const columns = Object.entries(rowsByName).map(
    ([name, rows]) => sql`(select count(*) from (${rows} limit ${countedMax}) as capped) as ${sql.id(name)}`,
  )
  const { rows } = await sql<Record<string, number>>`select ${sql.join(columns)}`.execute(db)
  return rows[0] ?? {}
}

/** The first block that has a row, or undefined; asks for all of them in one statement. */
export async function findBlock(
  db: Db,
  blocks: Readonly<Record<string, Block>>,
  rowsFor: (rowsOf: RowsOf) => RawBuilder<unknown>,
): Promise<Block | undefined> {
  const columns = Object.entries(blocks).map(([name, { rows }]) => sql`exists (${rowsFor(rows)}) as ${sql.id(name)}`)
  if (columns.length === 0) return undefined
  const { rows } = await sql<Record<string, boolean>>`select ${sql.join(columns)}`.execute(db)
  return Object.entries(blocks).find(([name]) => rows[0]?.[name] === true)?.[1]
}

/** The condition that one of the blocks has a row, for a statement that skips what is blocked. */
export function hasBlock(
  blocks: readonly Block[],
  rowsFor: (rowsOf: RowsOf) => RawBuilder<unknown>,
): RawBuilder<boolean> {
  if (blocks.length === 0) return sql<boolean>`false`
  return sql<boolean>`(${sql.join(
    blocks.map(({ rows }) => sql`exists (${rowsFor(rows)})`),
    sql` or `,
  )})`
}
