// own-process: starts, kills and freezes PostgreSQL servers, and holds locks in this process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { lockDataDir } from './data-dir-lock.ts'
import { cleanUp, self, startHere, startServer, temporaryDirectory } from './testing/embedded-server.ts'

afterAll(cleanUp)

describe.concurrent('the lock of DATA_DIR', () => {
  it('lets only one of several concurrent servers use the database, and names it to the others', async () => {
    const dataDir = temporaryDirectory(self)
    const [one, other] = [startServer({ dataDir, identity: self }), startServer({ dataDir, identity: self })]
    const isFirst = await Promise.race([
      one.ready().then(
        () => true,
        () => false,
      ),
      other.ready().then(
        () => false,
        () => true,
      ),
    ])
    const [first, second] = isFirst ? [one, other] : [other, one]
    const session = await first.connect()
    const refusal =
      `Another server (pid ${first.pid}) uses DATA_DIR ${dataDir}; stop it, choose another DATA_DIR, ` +
      'or set DATABASE_URL to use your own PostgreSQL.'
    expect(await second.failure()).toEqual({ name: 'EmbeddedPostgresUnavailable', message: refusal })
    await expect(startHere(dataDir)).rejects.toThrow(refusal)
    expect((await session.query('select 1 as undisturbed')).rows).toEqual([{ undisturbed: 1 }])
    expect(await first.query('select 2 as reachable')).toEqual([{ reachable: 2 }])
    await session.end()
  })

  it('is refused at once while its owner lives', async () => {
    const dataDir = temporaryDirectory(self)
    const lock = await lockDataDir(dataDir)
    const durationsMs: number[] = []
    for (const _ of [1, 2, 3]) {
      const begunMs = performance.now()
      await expect(lockDataDir(dataDir)).rejects.toThrow(`Another server (pid ${process.pid})`)
      durationsMs.push(performance.now() - begunMs)
    }
    expect(Math.min(...durationsMs)).toBeLessThan(300)
    lock.release()
  })

  it('is free when the recorded pid now belongs to another process', async () => {
    const dataDir = temporaryDirectory(self)
    writeFileSync(join(dataDir, 'postgres.lock'), JSON.stringify({ pid: process.pid, startedTicks: '1' }))
    const lock = await lockDataDir(dataDir)
    expect(JSON.parse(readFileSync(join(dataDir, 'postgres.lock'), 'utf8'))).toMatchObject({ pid: process.pid })
    lock.release()
  })

  it('is free when its record is damaged', async () => {
    const dataDir = temporaryDirectory(self)
    writeFileSync(join(dataDir, 'postgres.lock'), '{"pid":')
    const lock = await lockDataDir(dataDir)
    await expect(lockDataDir(dataDir)).rejects.toThrow(`Another server (pid ${process.pid})`)
    lock.release()
    lock.release()
    const again = await lockDataDir(dataDir)
    again.release()
  })

  it('is waited for while its owner is dying, for a limited time', async () => {
    const dataDir = temporaryDirectory(self)
    const path = join(dataDir, 'postgres.lock')
    // Held by a process that is not the recorded owner, as while the owner is dying.
    writeFileSync(path, JSON.stringify({ pid: process.pid, startedTicks: '1' }))
    const hold = async (seconds: string): Promise<void> => {
      const holder = spawn('flock', ['--no-fork', path, 'sh', '-c', `echo held; exec sleep ${seconds}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(holder.stdout, 'data')
    }
    await hold('0.3')
    const lock = await lockDataDir(dataDir)
    lock.release()
    await hold('2')
    writeFileSync(path, 'unknown')
    await expect(lockDataDir(dataDir)).rejects.toThrow(`Another server uses DATA_DIR ${dataDir}`)
  })
})
