import type { Service } from '../../../../platform/platform.ts'
import { createSemaphore, type Semaphore } from '../../../execution/engine/index.ts'

/** Lets deliveries take half of the process's database connections: the API and the runs need the other half. */
export const databaseShare: Service<Semaphore> = {
  name: 'database share of deliveries',
  open: ({ config }) => createSemaphore(Math.max(2, Math.floor(config.DATABASE_POOL / 2))),
}
