export { executeRun, RunStopped } from './execute-run.ts'
export { sweepLeftovers } from './sweep-leftovers.ts'
