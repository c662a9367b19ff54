import { ensureInstalled } from './ensure-installed.mjs'
import { becomePinnedNode } from './pinned-node.mjs'

await ensureInstalled()
becomePinnedNode(['packages/server/src/processes/all-in-one.ts', ...process.argv.slice(2)])
