import { boot } from './boot.ts'

// Opening the platform applies what is missing.
const { close, log } = await boot()
log.info('The database schema is up to date.')
await close()
