import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { openDatabase, type Database } from '../packages/server/src/platform/db/database.ts'
import { startEmbeddedPostgres } from '../packages/server/src/platform/db/embedded/start-embedded-postgres.ts'
import { createLog } from '../packages/server/src/platform/log/log.ts'
import { makeDataDir, startServer, type Server } from './server.ts'

/** A separate database, and an API server on it that executes no runs. */
export interface DatabaseStage {
  readonly server: Server
  /** Opens connections for the benchmark itself. */
  connect(connectionsMax: number): Database
  close(): Promise<void>
}

/** Starts the database and the server; `environment` overrides the server's settings. */
export async function openDatabaseStage(environment: Readonly<Record<string, string>> = {}): Promise<DatabaseStage> {
  const dataDir = await makeDataDir()
  const log = createLog('error')
  const postgres = await startEmbeddedPostgres({ dataDir: join(dataDir.path, 'database'), log })
  const closeDatabase = async () => {
    await postgres.stop()
    await dataDir.remove()
  }
  const { socketDir: host, port, user, password, database } = postgres
  try {
    const server = await startServer(join(dataDir.path, 'server'), {
      ROLE: 'api',
      DEMO: 'on',
      DATABASE_URL: `postgres://${user}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`,
      ENCRYPTION_KEYS: `1:${randomBytes(32).toString('base64')}`,
      AUTH_SECRET: randomBytes(32).toString('base64'),
      ...environment,
    })
    return {
      server,
      connect: (connectionsMax) => openDatabase({ host, port, user, password, database }, { connectionsMax, log }),
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
