import { sql, type RawBuilder, type SqlBool } from 'kysely'

/** The last code point: sorts, by bytes, after every text that continues a prefix. */
const last = '\u{10FFFF}'

/** The condition that a text begins with a prefix. Indexes with `text_pattern_ops` serve it, also in prepared plans. */
export function beginsWith(text: RawBuilder<unknown>, prefix: string): RawBuilder<SqlBool> {
  return sql<SqlBool>`(${text} ~>=~ ${prefix}::text and ${text} ~<~ ${prefix + last}::text)`
}

/** The condition that a statement selects a row or, if `expected` is false, that it selects none. */
export function isThere(row: RawBuilder<unknown>, expected: boolean): RawBuilder<SqlBool> {
  return expected ? sql<SqlBool>`exists (${row})` : sql<SqlBool>`not exists (${row})`
}

/** The number of rows that a statement selects. */
export function countOf(rows: RawBuilder<unknown>): RawBuilder<number> {
  return sql<number>`(select count(*) from (${rows}) as counted)`
}
