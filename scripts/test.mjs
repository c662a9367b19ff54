import { ensureInstalled } from './ensure-installed.mjs'
import { becomePinnedNode } from './pinned-node.mjs'

await ensureInstalled()
becomePinnedNode(['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)])
