import { becomePinnedNode, ensureInstalled } from './ensure-installed.mjs'

await ensureInstalled()
becomePinnedNode(['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)])
