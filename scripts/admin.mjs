import { becomePinnedNode } from './pinned-node.mjs'

becomePinnedNode(['packages/server/src/processes/admin.ts', ...process.argv.slice(2)])
