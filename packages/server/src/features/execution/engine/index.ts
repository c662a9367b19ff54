export { createSemaphore, type Semaphore } from './semaphore.ts'
export { startWorker, type Worker } from './worker.ts'
