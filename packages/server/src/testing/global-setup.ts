import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { pino } from 'pino'
import type { TestProject } from 'vitest/node'
import { migrate } from '../platform/db/migrate.ts'
import { startEmbeddedPostgres } from '../platform/db/embedded/start-embedded-postgres.ts'
import { useTemporaryDir } from './temporary-dir.ts'
import { databaseUrl } from './test-database.ts'

/**
 * One database server for all tests: TEST_DATABASE_URL, else an embedded one as the product starts it (without fsync).
 * Each test clones the migrated template that is made here.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const removeTemporaryDir = await useTemporaryDir()
  const given = process.env['TEST_DATABASE_URL']
  const server = given === undefined ? await startServer() : { url: given, stop: async () => undefined }
  const template = `template_${process.pid}_${Date.now().toString(36)}`
  await query(server.url, `create database ${template}`)
  const pool = new pg.Pool({ connectionString: databaseUrl(server.url, template), max: 1 })
  await migrate(pool)
  await pool.end()
  project.provide('adminDatabaseUrl', server.url)
  project.provide('templateDatabase', template)
  project.provide('redisUrl', process.env['TEST_REDIS_URL'] ?? null)
  return async () => {
    await query(server.url, `drop database if exists ${template} with (force)`)
    await server.stop()
    await removeTemporaryDir()
  }
}

async function startServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'appstrate-test-'))
  const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '200' }
  const server = await startEmbeddedPostgres({ dataDir, log: pino({ level: 'warn' }), settings })
  const socketDir = encodeURIComponent(server.socketDir)
  const user = `${server.user}:${server.password}`
  const url = `postgres://${user}@localhost:${server.port}/${server.database}?host=${socketDir}`
  return {
    url,
    async stop() {
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function query(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(sql)
  await client.end()
}
