import { announceFirstRun, prepareDemo } from './demo.ts'
import { runProcess } from './run-process.ts'

await runProcess({
  roles: ({ ROLE }) => ({ api: ROLE !== 'worker', worker: ROLE !== 'api' }),
  prepare: prepareDemo,
  announce: announceFirstRun,
})
