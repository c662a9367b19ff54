import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { openDatabase, type Database } from '../packages/server/src/platform/db/database.ts'
import { startEmbeddedPostgres } from '../packages/server/src/platform/db/embedded/start-embedded-postgres.ts'
import { createLog } from '../packages/server/src/platform/log/log.ts'
import { makeDataDir, startServer, type Server } from './server.ts'

/** A database of our own with an API server on it that executes nothing. */
export interface DatabaseStage {
  readonly server: Server
  /** Opens connections of the benchmark's own. */
  connect(connectionsMax: number): Database
  close(): Promise<void>
}

/** The server's settings can be changed, such as what it executes. */
export async function openDatabaseStage(environment: Readonly<Record<string, string>> = {}): Promise<DatabaseStage> {
  const dataDir = await makeDataDir()
  const log = createLog('error')
  const postgres = await startEmbeddedPostgres({ dataDir: join(dataDir.path, 'database'), log })
  const closeDatabase = async () => {
    await postgres.stop()
    await dataDir.remove()
  }
  try {
    const server = await startServer(join(dataDir.path, 'server'), {
      ROLE: 'api',
      DEMO: 'on',
      DATABASE_URL: `postgres://${postgres.user}@localhost:${postgres.port}/${postgres.database}?host=${encodeURIComponent(postgres.socketDir)}`,
      ENCRYPTION_KEYS: `1:${randomBytes(32).toString('base64')}`,
      AUTH_SECRET: randomBytes(32).toString('base64'),
      ...environment,
    })
    const address = { host: postgres.socketDir, port: postgres.port, user: postgres.user, database: postgres.database }
    return {
      server,
      connect: (connectionsMax) => openDatabase(address, { connectionsMax, log }),
      async close() {
        await server.stop()
        await closeDatabase()
      },
    }
  } catch (error) {
    await closeDatabase()
    throw error
  }
}
