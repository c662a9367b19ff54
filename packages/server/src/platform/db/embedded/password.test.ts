// own-process: starts and stops PostgreSQL servers.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { startServer, cleanUp, identities, temporaryDirectory, type ServerEvent } from './testing/embedded-server.ts'

afterAll(cleanUp)

const oldRules = 'local all all trust\nhost all all 127.0.0.1/32 reject\n'

/** Tries to connect with another password, or without one; resolves to the error's code. */
async function refusal(ready: NonNullable<ServerEvent['ready']>, password?: string): Promise<unknown> {
  const { socketDir, port, user, database } = ready
  const client = new pg.Client({ host: socketDir, port, user, database, password: password ?? '' })
  const outcome = await client.connect().then(
    () => 'connected',
    (error: unknown) => (error instanceof Error && 'code' in error ? (error.code ?? error.message) : error),
  )
  await client.end().catch(() => undefined)
  return outcome
}

describe.concurrent.each(identities)('the password of the embedded PostgreSQL, run by $name', (identity) => {
  it('is generated once, readable only by its user, and required', async () => {
    const dataDir = temporaryDirectory(identity)
    const first = startServer({ dataDir, identity })
    const ready = await first.ready()
    expect(await refusal(ready)).not.toBe('connected')
    expect(await refusal(ready, 'another')).toBe('28P01')
    expect(await refusal(ready, ready.password)).toBe('connected')
    const stats = statSync(join(dataDir, 'postgres.password'))
    expect([stats.mode & 0o777, stats.uid]).toEqual([0o600, identity.uid])
    expect(
      await first.query("select rolpassword like 'SCRAM-SHA-256$%' as scram from pg_authid where rolcanlogin"),
    ).toEqual([{ scram: true }])
    expect(await first.query('select distinct type, auth_method from pg_hba_file_rules order by type')).toEqual([
      { type: 'host', auth_method: 'scram-sha-256' },
      { type: 'local', auth_method: 'scram-sha-256' },
    ])
    await first.stop()
    const second = await startServer({ dataDir, identity }).ready()
    expect(second.password).toBe(ready.password)
  })

  it('is set for a cluster that had none, without a loss of rows', async () => {
    const dataDir = temporaryDirectory(identity)
    const created = startServer({ dataDir, identity })
    await created.query(`create table t (v text); insert into t values ('kept')`)
    await created.query('alter role appstrate password null')
    await created.kill('SIGKILL')
    rmSync(join(dataDir, 'postgres.password'))
    writeFileSync(join(dataDir, 'postgres', 'pg_hba.conf'), oldRules)

    const upgraded = startServer({ dataDir, identity })
    const ready = await upgraded.ready()
    expect(await upgraded.query('select v from t')).toEqual([{ v: 'kept' }])
    expect(await refusal(ready)).not.toBe('connected')
    expect(readFileSync(join(dataDir, 'postgres', 'pg_hba.conf'), 'utf8')).not.toContain('trust')
    expect(readdirSync(dataDir).sort()).toEqual(['postgres', 'postgres.lock', 'postgres.password', 'postgres.sock'])
  })

  it('is set anew when its file was lost or does not fit the cluster', async () => {
    const dataDir = temporaryDirectory(identity)
    const first = startServer({ dataDir, identity })
    await first.query(`create table t (v text); insert into t values ('kept')`)
    const { password } = await first.ready()
    await first.stop()
    rmSync(join(dataDir, 'postgres.password'))
    const second = startServer({ dataDir, identity })
    expect(await second.query('select v from t')).toEqual([{ v: 'kept' }])
    const ready = await second.ready()
    expect(ready.password).not.toBe(password)
    expect(await refusal(ready, password)).toBe('28P01')
  })

  it('cannot be switched off by a setting', async () => {
    const dataDir = temporaryDirectory(identity)
    const open = join(temporaryDirectory(identity), 'rules')
    mkdirSync(open)
    writeFileSync(join(open, 'pg_hba.conf'), oldRules)
    const settings = { hba_file: join(open, 'pg_hba.conf') }
    const ready = await startServer({ dataDir, identity, settings }).ready()
    expect(await refusal(ready)).not.toBe('connected')
  })
})
