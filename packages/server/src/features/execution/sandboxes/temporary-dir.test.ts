import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { access, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PipePool } from './pipe-pool.ts'
import { makeTemporaryDir, sweepTemporaryDirs } from './temporary-dir.ts'
import { detectSandbox } from './detect-sandbox.ts'

let dataDir = ''
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'appstrate-temporary-'))
})
afterEach(() => rm(dataDir, { recursive: true }))

const found = async () =>
  (await readdir(join(dataDir, 'temporary'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)

/** Leaves a temporary file of a process that was ended by SIGKILL. */
async function leaveByKill(): Promise<void> {
  const program = join(import.meta.dirname, 'testing', 'leftover-process.ts')
  const child = spawn(process.execPath, [program, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  try {
    await Promise.race([once(child.stdout, 'data'), exited])
  } finally {
    child.kill('SIGKILL')
    await exited
  }
}

describe('temporary files of sandboxes', { timeout: 120_000 }, () => {
  test('of a killed process are removed by the next sweep, and those of living processes are not', async () => {
    await leaveByKill()
    expect(await found()).toEqual(['stdin'])
    const mine = await makeTemporaryDir(dataDir, 'input')
    await writeFile(join(mine, 'mine'), '')
    await sweepTemporaryDirs(dataDir)
    expect(await found()).toEqual(['mine'])
  })

  test('of another host are removed once they are old, and other names never', async () => {
    const root = join(dataDir, 'temporary')
    const old = new Date(Date.now() - 2 * 60 * 60_000)
    for (const [name, isOld] of [
      ['1-1-0123456789abcdef', true],
      ['2-1-0123456789abcdef', false],
      ['notes', true],
      ['1-1', true],
    ] as const) {
      await mkdir(join(root, name), { recursive: true })
      if (isOld) await utimes(join(root, name), old, old)
    }
    await sweepTemporaryDirs(dataDir)
    expect((await readdir(root)).sort()).toEqual(['1-1', '2-1-0123456789abcdef', 'notes'])
  })

  test('a sweep finds nothing in a data directory without any', async () => {
    await sweepTemporaryDirs(dataDir)
    await expect(access(join(dataDir, 'temporary'))).rejects.toThrow()
  })

  test.runIf(process.platform === 'linux')(
    'are gone after use, and need no temporary directory of the system',
    async () => {
      const temporary = process.env['TMPDIR']
      process.env['TMPDIR'] = join(dataDir, 'missing')
      try {
        const pool = new PipePool(dataDir)
        pool.discard(await pool.acquire(2))
        const stdin = await pool.openUnnamedFile(Buffer.from('input'))
        expect(await text(createReadStream('', { fd: stdin }))).toBe('input')
        // Its probe runs a sandbox; without the data directory it would need the system's temporary directory.
        const detection = await detectSandbox({
          preference: 'auto',
          log: pino({ level: 'silent' }),
          hidden: [],
          dataDir,
        })
        expect('reason' in detection ? detection.reason : '').not.toContain('ENOENT')
      } finally {
        if (temporary === undefined) delete process.env['TMPDIR']
        else process.env['TMPDIR'] = temporary
      }
      expect(await found()).toEqual([])
    },
  )
})
