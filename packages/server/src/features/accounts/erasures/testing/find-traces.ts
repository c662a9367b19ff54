import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { World } from '../../../../testing/world.ts'

/** Where a text can be found at rest: `table` for each table with a row that has it, `blob` for each file on disk. */
export async function findTraces({ platform }: World, text: string): Promise<string[]> {
  const { rows } = await sql<{
    name: string
  }>`select table_name as name from information_schema.tables where table_schema = 'public'`.execute(platform.db)
  const found: string[] = []
  // PostgreSQL shows a bytea column as hex.
  const forms = [text, Buffer.from(text).toString('hex')]
  for (const { name } of rows) {
    const hits = await sql<{ count: number }>`
      select count(*) as count from ${sql.table(name)} as t where ${sql.join(
        forms.map((form) => sql`position(${form} in t::text) > 0`),
        sql` or `,
      )}`.execute(platform.db)
    if ((hits.rows[0]?.count ?? 0) > 0) found.push(name)
  }
  for (const entry of await readdir(join(platform.config.DATA_DIR, 'blobs'), {
    recursive: true,
    withFileTypes: true,
  })) {
    if (entry.isFile() && (await readFile(join(entry.parentPath, entry.name))).includes(text)) found.push('blob')
  }
  return found.sort()
}

/** The number of rows of a table, or of those that match a condition. */
export async function countRows({ platform }: World, table: string, where = sql<boolean>`true`): Promise<number> {
  const { rows } = await sql<{
    count: number
  }>`select count(*) as count from ${sql.table(table)} where ${where}`.execute(platform.db)
  return rows[0]?.count ?? 0
}
