import type { Platform } from '../../../platform/platform.ts'
import { findKnownBlobs } from './file-store.ts'

type Sweeping = Pick<Platform, 'db' | 'blobs' | 'clock'>

const batchBlobsMax = 500
/** A younger blob may belong to an upload that has not inserted its row yet. */
const ageMsMin = 3_600_000

/** Removes blobs without a row, which remain after a crash during an upload or deletion; returns how many. */
export async function sweepBlobs(platform: Sweeping): Promise<number> {
  const madeBefore = platform.clock.now().getTime() - ageMsMin
  let removed = 0
  let batch: string[] = []
  for await (const { id, writtenAt } of platform.blobs.list()) {
    if (writtenAt.getTime() >= madeBefore) continue
    batch.push(id)
    if (batch.length < batchBlobsMax) continue
    removed += await removeUnknown(platform, batch)
    batch = []
  }
  return removed + (await removeUnknown(platform, batch))
}

async function removeUnknown({ db, blobs }: Sweeping, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0
  const known = await findKnownBlobs(db, ids)
  const unknown = ids.filter((id) => !known.has(id))
  for (const id of unknown) await blobs.remove(id)
  return unknown.length
}
