import { boot } from './boot.ts'

// boot() applies the missing migrations.
const { close, log } = await boot()
log.info('The database schema is up to date.')
await close()
