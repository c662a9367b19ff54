import type { Db, Tx } from '../../../platform/db/database.ts'
import type { Hooks, RemovalStatement } from '../../../platform/hooks/hooks.ts'
import type { Platform } from '../../../platform/platform.ts'
import { deleteApplicationRow, findDeletedApplications, lockDeletedApplication } from '../applications/index.ts'
import { deleteOrganizationRow, findDeletedOrganizations, lockDeletedOrganization } from '../organizations/index.ts'
import { childrenFirst } from './removal-order.ts'
import { loadReferences, removeRows } from './removal-store.ts'

/** Rows that one transaction deletes. */
const batchRowsMax = 500
/** Deleted containers that one round looks at. */
const containersMax = 100

/** A committed batch. */
export interface RemovalStep {
  readonly noun: Container['noun']
  readonly containerId: string
  /** The table whose rows were removed; null when the container's own row was deleted, which is its last step. */
  readonly table: string | null
  readonly removed: number
}

interface Container {
  readonly noun: 'application' | 'organization'
  findDeleted(db: Db, limit: number): Promise<string[]>
  lock(tx: Tx, id: string): Promise<boolean>
  deleteRow(tx: Tx, id: string): Promise<void>
}

const containers: readonly Container[] = [
  {
    noun: 'application',
    findDeleted: findDeletedApplications,
    lock: lockDeletedApplication,
    deleteRow: deleteApplicationRow,
  },
  {
    noun: 'organization',
    findDeleted: findDeletedOrganizations,
    lock: lockDeletedOrganization,
    deleteRow: deleteOrganizationRow,
  },
]

type Removing = Pick<Platform, 'db' | 'hooks'>

/**
 * Removes what deleted applications and organizations contain: one transaction per step, so it can stop after each and
 * start again, here or on another node. A container that another process works on is left to that process.
 */
export async function* removalSteps(platform: Removing): AsyncGenerator<RemovalStep> {
  for (const container of containers) {
    const ids = await container.findDeleted(platform.db, containersMax)
    if (ids.length === 0) continue
    const tables = await orderedTables(platform, container.noun)
    for (const id of ids) yield* stepsOf({ db: platform.db, container, id, tables })
  }
}

type Tables = readonly (readonly [table: string, statement: RemovalStatement])[]

async function orderedTables({ db, hooks }: { db: Db; hooks: Hooks }, noun: string): Promise<Tables> {
  const removals = new Map(Object.entries(hooks.removalsOf(noun)))
  return childrenFirst([...removals.keys()], await loadReferences(db)).flatMap((table) => {
    const statement = removals.get(table)
    return statement === undefined ? [] : [[table, statement] as const]
  })
}

interface Work {
  readonly db: Db
  readonly container: Container
  readonly id: string
  readonly tables: Tables
}

async function* stepsOf(work: Work): AsyncGenerator<RemovalStep> {
  const step = (table: string | null, removed: number): RemovalStep => ({
    noun: work.container.noun,
    containerId: work.id,
    table,
    removed,
  })
  for (;;) {
    for (const [table, statement] of work.tables) {
      let removed = await removeBatch(work, statement)
      for (; removed !== undefined && removed > 0; removed = await removeBatch(work, statement))
        yield step(table, removed)
      if (removed === undefined) return
    }
    const isDone = await inLock(work, (tx) => finish(tx, work))
    if (isDone === true) yield step(null, 1)
    if (isDone !== false) return
  }
}

const removeBatch = (work: Work, statement: RemovalStatement) =>
  inLock(work, (tx) => removeRows(tx, statement, { containerId: work.id, limit: batchRowsMax }))

/** Deletes the container's row, unless a table has rows again: then the next pass removes the rest. */
async function finish(tx: Tx, { container, id, tables }: Work): Promise<boolean> {
  for (const [, statement] of tables)
    if ((await removeRows(tx, statement, { containerId: id, limit: batchRowsMax })) > 0) return false
  await container.deleteRow(tx, id)
  return true
}

/** Undefined if the container is gone, or another process holds it. */
function inLock<T>({ db, container, id }: Work, work: (tx: Tx) => Promise<T>): Promise<T | undefined> {
  return db.transaction().execute(async (tx) => ((await container.lock(tx, id)) ? work(tx) : undefined))
}
