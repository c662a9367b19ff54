export { createSemaphore } from './semaphore.ts'
export { startWorker, type Worker } from './worker.ts'
