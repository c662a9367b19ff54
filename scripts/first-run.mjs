import { becomePinnedNode } from './pinned-node.mjs'

becomePinnedNode(['packages/server/src/processes/print-first-run.ts'])
