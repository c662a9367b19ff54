import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generateEncryptionKey, parseKeyRing } from '../crypto/key-ring.ts'
import { parseConfig } from './config.ts'
import { OperatorError } from '../problems/operator-error.ts'
import { loadSecrets } from './secrets.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'appstrate-secrets-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const path = () => join(directory, 'secrets.json')
const load = (environment: Record<string, string> = {}) =>
  loadSecrets(parseConfig({ DATA_DIR: directory, ...environment }, []))

describe('secrets', () => {
  it('are generated once, readable only by the owner, and the same after that', async () => {
    const first = await load()
    expect(() => parseKeyRing(first.encryptionKeys)).not.toThrow()
    expect(first.authSecret.length).toBeGreaterThanOrEqual(32)
    expect((await stat(path())).mode & 0o777).toBe(0o600)
    expect(await load()).toEqual(first)
    expect(await readdir(directory)).toEqual(['secrets.json'])
  })

  it('are generated in a new directory that only the owner can read', async () => {
    directory = join(directory, 'new', 'data')
    await load()
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
  })

  it('that are configured take precedence, and no file is written if none is missing', async () => {
    const [keys, secret] = [generateEncryptionKey('7'), 's'.repeat(40)]
    expect(await load({ ENCRYPTION_KEYS: keys, AUTH_SECRET: secret })).toEqual({
      encryptionKeys: keys,
      authSecret: secret,
    })
    expect(await readdir(directory)).toEqual([])
    expect(await load({ AUTH_SECRET: secret })).toMatchObject({
      authSecret: secret,
      encryptionKeys: expect.stringMatching(/^1:/),
    })
  })

  it('are the same for processes that start at the same time', async () => {
    const program = `
      import { parseConfig } from ${JSON.stringify(new URL('config.ts', import.meta.url).href)}
      import { loadSecrets } from ${JSON.stringify(new URL('secrets.ts', import.meta.url).href)}
      const config = parseConfig({ DATA_DIR: ${JSON.stringify(directory)} }, [])
      process.stdout.write(JSON.stringify(await loadSecrets(config)))`
    const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
    const started = await Promise.all([...Array.from({ length: 3 }, run), ...Array.from({ length: 5 }, () => load())])
    const found = started.map((result) => ('stdout' in result ? result.stdout : JSON.stringify(result)))
    expect(new Set(found).size).toBe(1)
    expect(await readdir(directory)).toEqual(['secrets.json'])
  })

  it.each([
    ['empty', ''],
    ['cut off', '{"encryptionKeys": "1:ab'],
    ['with an unknown shape', '{"x": 1}'],
    ['without a usable key', JSON.stringify({ encryptionKeys: 'hunter2', authSecret: 'x'.repeat(32) })],
    ['with a short secret', JSON.stringify({ encryptionKeys: generateEncryptionKey('1'), authSecret: 'hunter2' })],
  ])('that are damaged stop the boot and are not changed: %s', async (_what, text) => {
    await writeFile(path(), text)
    const failure = await load().catch((error: unknown) => error)
    expect(String(failure)).toContain(`${path()} is damaged`)
    expect(String(failure)).not.toContain('hunter2')
    expect(await readFile(path(), 'utf8')).toBe(text)
  })

  it('that are missing beside a database stop the boot, and are not replaced', async () => {
    await mkdir(join(directory, 'postgres'))
    await writeFile(join(directory, 'postgres', 'PG_VERSION'), '17\n')
    await expect(load()).rejects.toThrow(OperatorError)
    await expect(load()).rejects.toThrow(/secrets\.json is missing.*restore the file from a backup/)
    expect(await readdir(directory)).toEqual(['postgres'])
  })

  it('that cannot be read stop the boot', async () => {
    await load()
    await chmod(path(), 0o000)
    if (process.getuid?.() === 0) return expect(await load()).toBeDefined()
    await expect(load()).rejects.toThrow(/cannot be read.*EACCES/)
  })

  it('are not read from the draft of a process that died while it generated them', async () => {
    await writeFile(`${path()}.draft.tmp`, '{"encryptionKeys": "1:')
    const made = await load()
    expect(await load()).toEqual(made)
  })
})
