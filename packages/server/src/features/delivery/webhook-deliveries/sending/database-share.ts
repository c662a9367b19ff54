import { createSemaphore, type Semaphore } from '../../../../platform/concurrency/semaphore.ts'
import type { Service } from '../../../../platform/platform.ts'

/** Limits deliveries to half of the process's database connections, to leave the rest to the API and to runs. */
export const databaseShare: Service<Semaphore> = {
  name: 'database share of deliveries',
  open: ({ config }) => createSemaphore(Math.max(2, Math.floor(config.DATABASE_POOL / 2))),
}
