import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../packages/server/src/platform/db/embedded/start-embedded-postgres.ts'
import { migrate } from '../../packages/server/src/platform/db/migrate.ts'
import { createLog } from '../../packages/server/src/platform/log/log.ts'
import type { GeneratedFile } from './generated-file.ts'

const path = 'packages/server/src/platform/db/schema.generated.ts'
const root = fileURLToPath(new URL('../../', import.meta.url))

/** The types of the migrated tables, read from a temporary database on the given server, or else on an embedded one. */
export async function schemaTypes(serverUrl: string | undefined): Promise<GeneratedFile> {
  const directory = await mkdtemp(join(tmpdir(), 'appstrate-codegen-'))
  const server =
    serverUrl === undefined ? await startServer(directory) : { url: serverUrl, stop: async () => undefined }
  try {
    return {
      path,
      content: await onNewDatabase(server.url, async (url) => generate(url, join(directory, 'schema.ts'))),
    }
  } finally {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

async function startServer(dataDir: string): Promise<{ url: string; stop(): Promise<void> }> {
  const server = await startEmbeddedPostgres({ dataDir, log: createLog('silent'), settings: { fsync: 'off' } })
  const socketDir = encodeURIComponent(server.socketDir)
  const user = `${server.user}:${server.password}`
  const url = `postgres://${user}@localhost:${server.port}/${server.database}?host=${socketDir}`
  return { url, stop: () => server.stop() }
}

async function onNewDatabase<T>(serverUrl: string, work: (url: string) => Promise<T>): Promise<T> {
  const name = `codegen_${process.pid}_${Date.now().toString(36)}`
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  await query(serverUrl, `create database ${name}`)
  try {
    return await work(url.toString())
  } finally {
    await query(serverUrl, `drop database ${name} with (force)`)
  }
}

async function generate(url: string, outFile: string): Promise<string> {
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  await migrate(pool).finally(() => pool.end())
  // Only the migrator uses the table of migrations.
  const argv = [
    '--config-file',
    join(root, '.kysely-codegenrc.json'),
    '--out-file',
    outFile,
    '--url',
    url,
    '--exclude-pattern',
    'migrations',
  ]
  // A separate process, so that its connections are closed before the database is dropped.
  await promisify(execFile)(process.execPath, [join(root, 'node_modules/kysely-codegen/dist/cli/bin.js'), ...argv])
  return readFile(outFile, 'utf8')
}

async function query(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}
