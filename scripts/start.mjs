import { becomePinnedNode, ensureInstalled } from './ensure-installed.mjs'

await ensureInstalled()
becomePinnedNode(['packages/server/src/processes/all-in-one.ts', ...process.argv.slice(2)])
