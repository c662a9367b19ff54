import { link, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { copySharedInputs } from './shared-inputs.ts'
import { createWorkspace } from './workspace.ts'

test('an input file that shares its bytes with a stored file becomes a copy, others stay', async () => {
  const root = await mkdtemp(join(tmpdir(), 'appstrate-inputs-'))
  try {
    const { dir } = await createWorkspace(root, 'run')
    const [stored, shared, own] = [join(root, 'stored'), join(dir, 'input', 'shared'), join(dir, 'input', 'own')]
    await writeFile(stored, 'stored')
    await link(stored, shared)
    await writeFile(own, 'own')
    const before = await stat(own)
    await copySharedInputs(dir)
    expect([await readFile(shared, 'utf8'), await readFile(own, 'utf8')]).toEqual(['stored', 'own'])
    expect([(await stat(shared)).nlink, (await stat(stored)).nlink, (await stat(own)).ino]).toEqual([1, 1, before.ino])
    expect((await stat(shared)).mode & 0o777).toBe(0o444)
  } finally {
    await rm(root, { recursive: true })
  }
})
