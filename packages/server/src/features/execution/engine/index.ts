export { startWorker, type Worker } from './worker/worker.ts'
