import { runProcess } from './run-process.ts'

await runProcess({ roles: () => ({ api: false, worker: true }) })
