export { executeRun, RunStopped, type ExecutionParts } from './execute-run.ts'
export { sweepLeftovers } from './sweep-leftovers.ts'
