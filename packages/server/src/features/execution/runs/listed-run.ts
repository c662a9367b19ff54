import { Type } from 'typebox'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Db } from '../../../platform/db/database.ts'
import type { RequestedPage, Slice } from '../../../platform/lists/load-page.ts'
import { fitContents } from '../../../platform/lists/postgres-contents.ts'
import type { Platform } from '../../../platform/platform.ts'
import { unsealContents, unsealSummaries } from './run-content.ts'
import { loadRunContents, loadRuns, runContents, type RunFilters } from './run-list-store.ts'
import { runContentColumns } from './run-row.ts'
import type { ListedRun } from './run-wire.ts'

const anyField = `(${runContentColumns.join('|')})`

/** The query of lists of runs that asks for contents. */
export const includeQuery = {
  include: Type.Optional(
    Type.String({
      pattern: `^${anyField}(,${anyField})*$`,
      maxLength: 100,
      examples: ['output,metadata'],
      description:
        'Fields to add to each run, separated by commas: `input`, `config`, `metadata`, `output`, `report`. ' +
        'A page has at most 4 MiB of them, or one run: it then holds fewer runs, and `nextCursor` continues. ' +
        'With `page`, it holds all its runs, the last of them without these fields.',
    }),
  ),
}

/** A page of runs as lists show them, with the contents that the query includes. */
export async function loadListedRuns(
  { db, scope, platform }: { readonly db: Db; readonly scope: AppScope; readonly platform: Platform },
  list: { readonly page: RequestedPage<string>; readonly filters: RunFilters; readonly include: string | undefined },
): Promise<Slice<ListedRun>> {
  const { page, filters, include } = list
  const found = await loadRuns(db, scope, { page, filters })
  const fields = runContentColumns.filter((field) => include?.split(',').includes(field))
  if (fields.length === 0) return { ...found, items: await unsealSummaries(platform, found.items) }
  const slice = await fitContents(db, found, { page, contents: runContents(fields) })
  const ids = slice.items.slice(0, slice.fitting).map(({ id }) => id)
  const contents = await loadRunContents(db, { ids, fields })
  const summaries = await unsealSummaries(platform, slice.items)
  return {
    ...slice,
    items: summaries.map((run) => ({ ...run, ...unsealContents(run.seal, contents.get(run.id) ?? {}) })),
  }
}
