import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openDatabase, type Database, type Tx } from '../../platform/db/database.ts'
import { createLog } from '../../platform/log/log.ts'
import { deleteEvents } from '../../platform/outbox/postgres-outbox.ts'
import { statementsSentBy } from './sent-statements.ts'
import { cloneDatabase, type TestDatabase } from '../test-database.ts'
import { findDataKeys } from '../../features/accounts/end-users/data-key-store.ts'
import { holdEndUsers } from '../../features/accounts/end-users/end-user-store.ts'
import { findMemberProfiles } from '../../features/accounts/organizations/member-store.ts'
import { holdApplications } from '../../features/accounts/organizations/organization-store.ts'
import { deleteFileRows, findFiles, findKnownBlobs } from '../../features/execution/files/file-store.ts'
import { findUnfinishedRunsOfSchedules } from '../../features/execution/runs/run-state-store.ts'
import { loadDue, makeQueuedDue } from '../../features/execution/schedules/firing/firing-store.ts'

const now = new Date()
const [organizationId, applicationId] = [randomUUID(), randomUUID()]
const scope = { organizationId, applicationId, endUserId: null }

let testDatabase: TestDatabase
let database: Database
beforeAll(async () => {
  testDatabase = await cloneDatabase()
  database = openDatabase(testDatabase.address, { connectionsMax: 1, log: createLog('silent') })
})
afterAll(async () => {
  await database.close()
  await testDatabase.drop()
})

// One text for each length would take the names of prepared statements from others.
it.each<[string, (tx: Tx, ids: readonly string[]) => Promise<unknown>]>([
  [
    'deleteEvents',
    (tx, ids) =>
      deleteEvents(
        tx,
        ids.map((_, index) => index),
      ),
  ],
  ['findDataKeys', (tx, ids) => findDataKeys(tx, applicationId, ids)],
  ['holdEndUsers', holdEndUsers],
  ['findMemberProfiles', (tx, ids) => findMemberProfiles(tx, scope, ids)],
  ['holdApplications', holdApplications],
  ['findFiles', (tx, ids) => findFiles(tx, scope, ids)],
  ['deleteFileRows', (tx, ids) => deleteFileRows(tx, scope, ids)],
  ['findKnownBlobs', findKnownBlobs],
  ['findUnfinishedRunsOfSchedules', (tx, ids) => findUnfinishedRunsOfSchedules(tx, ids, { isHeld: true })],
  ['loadDue', (tx, ids) => loadDue(tx, { ids, now })],
  ['makeQueuedDue', makeQueuedDue],
])('%s sends the same statement for lists of every length', async (_, send) => {
  const sent = await statementsSentBy(() =>
    database.db.transaction().execute(async (tx) => {
      for (const length of [1, 2, 5]) await send(tx, Array.from({ length }, randomUUID))
    }),
  )
  const texts = sent.map(({ text }) => text).filter((text) => !/^(begin|commit|select pg_backend_pid)/.test(text))
  expect(texts).toHaveLength(3)
  expect(new Set(texts).size).toBe(1)
})
