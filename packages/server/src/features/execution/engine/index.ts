export { executeRun, type Execution, type ExecutionParts } from './execute-run.ts'
export { sweepLeftovers } from './sweep-leftovers.ts'
export { startTurn, type WatchedTurn } from './turn.ts'
