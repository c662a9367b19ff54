// own-process: starts, kills and freezes PostgreSQL servers, and holds locks in this process.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EmbeddedPostgresUnavailable } from './embedded-postgres-unavailable.ts'
import {
  cleanUp,
  copyOf,
  createTemplate,
  identities,
  isRoot,
  run,
  self,
  startHere,
  startServer,
  temporaryDirectory,
  userWithId,
  type Identity,
} from './testing/embedded-server.ts'

afterAll(cleanUp)

// A small file system in the mount namespace of the server; $0 is its mount point.
const inNamespace = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c']
const mount = (sizeMb: number): string => `mount -t tmpfs -o size=${sizeMb}m none "$0"`
const canMount = spawnSync('unshare', [...inNamespace.slice(1), mount(1), '/tmp']).status === 0
const outOfSpace = (dataDir: string) => ({
  name: 'EmbeddedPostgresUnavailable',
  message:
    `No space left for the embedded PostgreSQL in DATA_DIR ${dataDir}; free some, ` +
    'or set DATABASE_URL to use your own PostgreSQL.',
})

let template = ''
beforeAll(async () => {
  template = await createTemplate(self)
})

describe.concurrent('a first boot', () => {
  it('that is killed at any time is repaired by the next', async () => {
    const dataDir = temporaryDirectory(self)
    mkdirSync(join(dataDir, 'postgres'))
    let unfinished = 0
    for (const delayMs of [60, 250, 450]) {
      const server = startServer({ dataDir, identity: self })
      await server.event('begun')
      await sleep(delayMs)
      await server.kill('SIGKILL')
      if (readdirSync(dataDir).some((name) => name.startsWith('postgres.init-'))) unfinished += 1
    }
    expect(unfinished).toBeGreaterThan(0)
    const server = startServer({ dataDir, identity: self })
    expect(await server.query('select count(*)::int > 100 as complete from pg_class')).toEqual([{ complete: true }])
    expect(readdirSync(dataDir).sort()).toEqual(['postgres', 'postgres.lock', 'postgres.password', 'postgres.sock'])
  })

  it.each(identities)(
    'under a file size limit reports in one line that no space is left, run by $name',
    async (identity: Identity) => {
      const dataDir = temporaryDirectory(identity)
      const server = startServer({ dataDir, identity, wrapper: ['prlimit', '--fsize=100000', '--'] })
      expect(await server.failure()).toEqual(outOfSpace(dataDir))
      expect(readdirSync(dataDir)).toEqual(['postgres.lock', 'postgres.password'])
    },
  )
})

describe.runIf(canMount).concurrent('on a full disk', () => {
  it('the first boot reports in one line that no space is left', async () => {
    const dataDir = temporaryDirectory(self)
    const wrapper = [...inNamespace, `${mount(20)} && exec "$@"`, dataDir]
    expect(await startServer({ dataDir, identity: self, wrapper }).failure()).toEqual(outOfSpace(dataDir))
  })

  it('a later boot reports it as well', async () => {
    const dataDir = temporaryDirectory(self)
    const fill = `cp -a "${template}/postgres" "$0" && { cat /dev/zero > "$0/filler" 2>/dev/null; exec "$@"; }`
    const server = startServer({
      dataDir,
      identity: self,
      wrapper: [...inNamespace, `${mount(90)} && ${fill}`, dataDir],
    })
    expect(await server.failure()).toEqual(outOfSpace(dataDir))
  })
})

describe.concurrent('a directory that the server must not use', () => {
  it('holds another major version: refused, untouched', async () => {
    const dataDir = copyOf(template, self)
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '17\n')
    await expect(startHere(dataDir)).rejects.toThrow(
      new EmbeddedPostgresUnavailable(
        `${dataDir}/postgres holds data of PostgreSQL 17, but the embedded server is PostgreSQL 18`,
        'dump and restore it, choose another DATA_DIR, or set DATABASE_URL to use your own PostgreSQL',
      ),
    )
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '18\n')
    await (await startHere(dataDir)).stop()
  })

  it('holds something else: refused, untouched', async () => {
    const dataDir = temporaryDirectory(self)
    mkdirSync(join(dataDir, 'postgres'))
    writeFileSync(join(dataDir, 'postgres', 'thesis.txt'), '')
    await expect(startHere(dataDir)).rejects.toThrow('postgres holds no PostgreSQL cluster')
    expect(readdirSync(join(dataDir, 'postgres'))).toEqual(['thesis.txt'])
  })

  it.runIf(isRoot)('belongs to another user: refused in one line, for root as well', async () => {
    const nobody = userWithId('nobody', 65_534)
    const theirs = copyOf(template, self)
    run(self, 'chown', '-R', '65534', theirs)
    await expect(startHere(theirs)).rejects.toThrow(
      new EmbeddedPostgresUnavailable(
        `The PostgreSQL data in ${theirs}/postgres belongs to the user with uid 65534`,
        'start Appstrate as that user, choose another DATA_DIR, or set DATABASE_URL to use your own PostgreSQL',
      ),
    )
    expect((await startServer({ dataDir: template, identity: nobody }).failure()).message).toMatch(
      /^The embedded PostgreSQL cannot write to DATA_DIR .*permission denied.*set DATABASE_URL/,
    )
  })
})
