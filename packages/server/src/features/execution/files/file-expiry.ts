import type { ExpiryHook } from '../../../platform/hooks/hooks.ts'
import { removeBlobs } from './file-erasure.ts'
import { deleteExpiredFiles } from './file-expiry-store.ts'

/** Deletes old files that nothing uses: the rows in the transaction, their content once it is committed. */
export const expireFiles: ExpiryHook = async (tx, expiring) => {
  const ids = await deleteExpiredFiles(tx, expiring)
  return { rows: ids.length, deleted: { files: ids.length }, afterCommit: (after) => removeBlobs(after, ids) }
}
