import { readdir } from 'node:fs/promises'
import type { Platform } from '../../../platform/platform.ts'
import { sweepBlobs } from '../files/index.ts'
import { createWorkspace, sweepTemporaryDirs } from '../sandboxes/index.ts'
import { findAbandonedRuns } from '../runs/index.ts'
import { workspaceRoot } from '../tools/index.ts'

const batchMax = 500

type Sweeping = Pick<Platform, 'db' | 'blobs' | 'clock' | 'config' | 'log'>

/**
 * Removes leftovers of crashes: blobs without a row, workspaces of deleted or long ended runs, and
 * temporary files of dead processes. Never throws.
 */
export async function sweepLeftovers(platform: Sweeping): Promise<void> {
  try {
    await sweepBlobs(platform)
    await sweepWorkspaces(platform)
    await sweepTemporaryDirs(platform.config.DATA_DIR)
  } catch (error) {
    platform.log.warn({ err: error }, 'The sweep of leftovers failed; the next one continues.')
  }
}

async function sweepWorkspaces(platform: Sweeping): Promise<void> {
  const root = workspaceRoot(platform)
  const names = await readdir(root).catch(() => [])
  const runIds = names.filter((name) => /^[0-9a-f-]{36}$/.test(name))
  for (let at = 0; at < runIds.length; at += batchMax) {
    for (const runId of await findAbandonedRuns(platform.db, runIds.slice(at, at + batchMax)))
      await createWorkspace(root, runId).then((workspace) => workspace.remove())
  }
}
