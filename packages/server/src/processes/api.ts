import { runProcess } from './run-process.ts'

await runProcess({ roles: () => ({ api: true, worker: false }) })
