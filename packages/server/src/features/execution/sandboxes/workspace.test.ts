import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { listFilesBeneath, WorkspacePathError } from './open-beneath.ts'
import { createWorkspace, type Workspace } from './workspace.ts'

let root = ''
let workspace: Workspace
let runs = 0

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'appstrate-workspace-'))
  await writeFile(join(root, 'secret'), 'secret')
})

beforeEach(async () => {
  runs += 1
  workspace = await createWorkspace(join(root, 'workspaces'), `run_${runs}`)
})

afterAll(() => rm(root, { recursive: true }))

const output = (path: string) => join(workspace.dir, 'output', path)

describe('a workspace', () => {
  test('is closed to other users of the host with any umask', async () => {
    expect((await stat(workspace.dir)).mode & 0o777).toBe(0o700)
    expect((await stat(join(root, 'workspaces'))).mode & 0o777).toBe(0o700)
  })

  test('keeps its files when it is created again, and follows no link in place of output', async () => {
    await writeFile(output('kept'), 'x')
    expect((await (await createWorkspace(join(root, 'workspaces'), `run_${runs}`)).listOutput()).files).toEqual([
      { path: 'kept', sizeBytes: 1 },
    ])
    await rename(join(workspace.dir, 'output'), join(workspace.dir, 'moved'))
    await symlink(root, join(workspace.dir, 'output'))
    const again = await createWorkspace(join(root, 'workspaces'), `run_${runs}`)
    expect((await again.listOutput()).files).toEqual([])
    await expect(again.openOutput('secret')).rejects.toThrow(WorkspacePathError)
    await again.remove()
    expect(existsSync(join(root, 'secret'))).toBe(true)
  })

  test.each(['', '.', '..', '../x', 'a/b', '/etc', 'a b', 'x'.repeat(129), 'a\0b'])(
    'is not created for the run id %j',
    async (runId) => {
      await expect(createWorkspace(join(root, 'workspaces'), runId)).rejects.toThrow(WorkspacePathError)
    },
  )
})

describe('input', () => {
  const read = (name: string) => readFile(join(workspace.dir, 'input', name), 'utf8')

  test('is written under its name, and replaced when a run resumes', async () => {
    await workspace.putInput('täglich – "a" b.csv', Readable.from(['1']))
    await workspace.putInput('täglich – "a" b.csv', Readable.from(['2', '3']))
    expect(await read('täglich – "a" b.csv')).toBe('23')
    expect(await readdir(join(workspace.dir, 'input'))).toHaveLength(1)
  })

  test.each(['', '.', '..', '../escape', 'a/b', '/etc/passwd', 'a\0b', 'é'.repeat(128)])(
    'is refused for the name %j',
    async (name) => {
      await expect(workspace.putInput(name, Readable.from(['x']))).rejects.toThrow(WorkspacePathError)
      expect(await readdir(join(workspace.dir, 'input'))).toEqual([])
    },
  )

  test('leaves no file behind when its source fails', async () => {
    const broken = new Readable({
      read() {
        this.destroy(new Error('connection lost'))
      },
    })
    await expect(workspace.putInput('a.csv', broken)).rejects.toThrow('connection lost')
    expect(await readdir(join(workspace.dir, 'input'))).toEqual([])
  })

  test('replaces a link instead of writing through it', async () => {
    await symlink(join(root, 'secret'), join(workspace.dir, 'input', 'a.csv'))
    await workspace.putInput('a.csv', Readable.from(['mine']))
    expect([await read('a.csv'), await readFile(join(root, 'secret'), 'utf8')]).toEqual(['mine', 'secret'])
  })
})

describe('output', () => {
  test('lists plain files at every depth by their relative paths, sorted', async () => {
    await mkdir(output('b/c'), { recursive: true })
    await mkdir(output('empty'))
    await writeFile(output('b/c/deep.txt'), 'deep')
    await writeFile(output('a.txt'), '')
    await writeFile(output('ü\n.txt'), '12')
    expect((await workspace.listOutput()).files).toEqual([
      { path: 'a.txt', sizeBytes: 0 },
      { path: 'b/c/deep.txt', sizeBytes: 4 },
      { path: 'ü\n.txt', sizeBytes: 2 },
    ])
  })

  test('neither lists nor opens links, devices, pipes and further hard links', async () => {
    await symlink(join(root, 'secret'), output('link'))
    await symlink(root, output('directory'))
    await symlink('/dev/zero', output('endless'))
    await link(join(root, 'secret'), output('hard'))
    execFileSync('mkfifo', [output('pipe')])
    await mkdir(output('real'))
    await symlink('..', output('real/up'))
    const { files, refused } = await workspace.listOutput()
    expect(files).toEqual([])
    expect(Object.fromEntries(refused.map(({ path, reason }) => [path, reason]))).toEqual({
      link: 'is a symbolic link',
      directory: 'is a symbolic link',
      endless: 'is a symbolic link',
      hard: 'has more than one name (hard links)',
      pipe: 'is a pipe, a socket or a device',
      'real/up': 'is a symbolic link',
    })
    for (const path of ['link', 'directory/secret', 'endless', 'hard', 'pipe', 'real', 'real/up/link', 'missing']) {
      await expect(workspace.openOutput(path), path).rejects.toThrow(WorkspacePathError)
    }
  })

  test.each([
    '',
    '.',
    '..',
    '/etc/passwd',
    '../input/x',
    'a/../../x',
    './a',
    'a//b',
    'a/',
    'a\0b',
    `${'d/'.repeat(100)}x`,
  ])('is not opened at %j', async (path) => {
    await expect(workspace.openOutput(path)).rejects.toThrow(WorkspacePathError)
  })

  test('streams a file as large as it was when opened', async () => {
    await mkdir(output('sub'))
    await writeFile(output('sub/data'), 'x'.repeat(300_000))
    await writeFile(output('empty'), '')
    const stream = await workspace.openOutput('sub/data')
    await truncate(output('sub/data'), 400_000)
    expect(await text(stream)).toBe('x'.repeat(300_000))
    expect(await text(await workspace.openOutput('empty'))).toBe('')
  })

  test('refuses names that are not UTF-8', async () => {
    await writeFile(Buffer.concat([Buffer.from(output('bad')), Buffer.from([0xff])]), 'x')
    expect(await workspace.listOutput()).toEqual({
      files: [],
      refused: [{ path: 'bad\ufffd', reason: 'has a name that is not UTF-8' }],
      moreRefused: 0,
      isCut: false,
    })
  })

  test('is listed although many entries are refused, of which it names the first', async () => {
    for (let number = 0; number < 250; number += 1) await symlink('/nowhere', output(`${number}`))
    for (let number = 0; number < 50; number += 1) await writeFile(output(`good${number}`), '')
    const { files, refused, moreRefused, isCut } = await workspace.listOutput()
    expect([files.length, refused.length, moreRefused, isCut]).toEqual([50, 100, 150, false])
  })

  test.each([
    ['a link', (path: string) => symlink(root, path)],
    ['a file', (path: string) => writeFile(path, 'x')],
    ['a pipe', (path: string) => Promise.resolve(execFileSync('mkfifo', [path]))],
  ])('says that nothing could be read when %s took the place of its directory', async (_, replace) => {
    await rm(join(workspace.dir, 'output'), { recursive: true })
    expect(await workspace.listOutput()).toMatchObject({ files: [], refused: [] })
    await replace(join(workspace.dir, 'output'))
    expect(await workspace.listOutput()).toMatchObject({
      files: [],
      refused: [{ path: 'output', reason: 'is not a directory, so no output could be read' }],
    })
  })

  test('is listed up to a bound, and says that there is more', async () => {
    for (let number = 0; number < 12; number += 1) await writeFile(output(`${number}`), '')
    expect(await listFilesBeneath(join(workspace.dir, 'output'), 12)).toMatchObject({ isCut: false })
    const cut = await listFilesBeneath(join(workspace.dir, 'output'), 11)
    expect([cut.files.length, cut.isCut]).toEqual([11, true])
  })
})

test('a removed workspace can be removed again', async () => {
  await workspace.remove()
  await workspace.remove()
  expect(existsSync(workspace.dir)).toBe(false)
})
