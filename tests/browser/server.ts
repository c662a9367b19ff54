import { cloneDatabase, type TestDatabase } from '../../packages/server/src/testing/test-database.ts'
import { createInstance, type FirstRun, type Instance } from '../server-process.ts'

/** A server process, its first run, and the database that it works on. */
export interface Server {
  readonly instance: Instance
  readonly firstRun: FirstRun
  readonly database: TestDatabase
  remove(): Promise<void>
}

/** Starts the product as a user runs it, on its own database. */
export async function startServer(): Promise<Server> {
  const database = await cloneDatabase()
  const instance = await createInstance({
    DATABASE_URL: database.connectionString,
    ENCRYPTION_KEYS: `1:${Buffer.alloc(32, 7).toString('base64')}`,
    AUTH_SECRET: 'a secret of thirty-two characters',
    DEMO: 'on',
    ALLOW_PRIVATE_ADDRESSES: 'true',
  })
  const remove = async () => {
    await instance.remove()
    await database.drop()
  }
  try {
    return { instance, firstRun: await instance.start(), database, remove }
  } catch (error) {
    await remove()
    throw error
  }
}
