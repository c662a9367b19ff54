// own-process: starts, kills and freezes PostgreSQL servers, and holds locks in this process.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createSocketDirectory, removeSocketDirectory } from './socket-directory.ts'
import { cleanUp, self, startServer, temporaryDirectory } from './testing/embedded-server.ts'

afterAll(cleanUp)

describe('the socket directory', () => {
  it('is a private directory with a short path when the path of DATA_DIR is too long for a socket', async () => {
    const dataDir = join(temporaryDirectory(self), 'l'.repeat(50), 'o'.repeat(50))
    const first = startServer({ dataDir, identity: self })
    const { socketDir } = await first.ready()
    expect(socketDir).toMatch(/appstrate-pg-\w{6}$/)
    expect(statSync(socketDir)).toMatchObject({ uid: self.uid, mode: 0o40700 })
    expect(readlinkSync(join(dataDir, 'postgres.sock'))).toBe(socketDir)
    await first.kill('SIGKILL')

    const second = startServer({ dataDir, identity: self })
    const { socketDir: next } = await second.ready()
    expect(existsSync(socketDir)).toBe(false)
    expect(await second.query('select 1 as up')).toEqual([{ up: 1 }])
    await second.stop()
    expect(existsSync(next)).toBe(false)
    expect(lstatSync(join(dataDir, 'postgres.sock'), { throwIfNoEntry: false })).toBeUndefined()
  })

  it('is in DATA_DIR up to the maximum length of a socket path', () => {
    const root = temporaryDirectory(self)
    const pathBytesMax = process.platform === 'darwin' ? 103 : 107
    const fits = join(root, 'd'.repeat(pathBytesMax - `${root}//postgres.sock/.s.PGSQL.5432`.length))
    const tooLong = `${fits}d`
    mkdirSync(fits)
    mkdirSync(tooLong)
    expect(createSocketDirectory(fits)).toBe(join(fits, 'postgres.sock'))
    expect(createSocketDirectory(tooLong)).toMatch(/appstrate-pg-\w{6}$/)
    removeSocketDirectory(tooLong)
  })

  it('is new each time, without files of an earlier one', () => {
    const dataDir = temporaryDirectory(self)
    writeFileSync(join(createSocketDirectory(dataDir), '.s.PGSQL.5432.lock'), '1')
    expect(readdirSync(createSocketDirectory(dataDir))).toEqual([])
  })

  it('does not remove the target of a link that the server did not create', () => {
    const dataDir = temporaryDirectory(self)
    const precious = join(temporaryDirectory(self), 'precious')
    const shared = mkdtempSync(join(tmpdir(), 'appstrate-pg-'))
    mkdirSync(precious, { mode: 0o700 })
    rmSync(shared, { recursive: true })
    mkdirSync(shared, { mode: 0o755 })
    for (const target of [precious, shared, join(shared, '..', 'elsewhere')]) {
      symlinkSync(target, join(dataDir, 'postgres.sock'))
      removeSocketDirectory(dataDir)
      expect(existsSync(join(dataDir, 'postgres.sock'))).toBe(false)
    }
    expect([existsSync(precious), existsSync(shared)]).toEqual([true, true])
    rmSync(shared, { recursive: true })
  })
})
