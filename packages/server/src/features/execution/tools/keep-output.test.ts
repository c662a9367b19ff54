import { link, mkdir, open, readdir, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'
import { overrideQuotas } from '../../accounts/quotas/testing/override-quotas.ts'
import { findRun, unsealRun, type Run } from '../runs/index.ts'
import { createWorkspace, type Workspace } from '../sandboxes/index.ts'
import { keepOutput } from './keep-output.ts'
import { workspaceRoot } from './run-sandbox.ts'

const kibibyte = 1024
const diskMax = 1024 * kibibyte

let world: RunWorld
beforeAll(async () => {
  world = await openRunWorld({
    worker: false,
    environment: { RUN_DISK_MAX: String(diskMax), FILE_SIZE_MAX: String(600 * kibibyte) },
  })
})
afterAll(() => world.close())

async function startedRun(): Promise<{ actor: Actor; run: Run; source: Workspace; output(name: string): string }> {
  const actor = await world.actor('hello')
  const { body } = await actor.start()
  const stored = await findRun(world.platform.db, actor.scope, parseWireId('run', body.id) ?? '')
  if (stored === undefined) throw new Error('The run is missing.')
  const run = await unsealRun(world.platform, stored)
  const source = await createWorkspace(workspaceRoot(world.platform), run.id)
  return { actor, run, source, output: (name) => join(source.dir, 'output', name) }
}

async function blobBytes(): Promise<number> {
  const root = join(world.platform.config.DATA_DIR, 'blobs')
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

it('counts sparse files with what reading them returns, and stores no more than the limit', async () => {
  const { run, source, output } = await startedRun()
  for (const name of ['1', '2', '3', '4']) {
    await writeFile(output(name), '')
    await truncate(output(name), 400 * kibibyte)
  }
  await writeFile(output('5'), 'fits')
  const before = await blobBytes()
  const { lost, isMore } = await keepOutput(world.platform, { run, source })
  const left = `${diskMax - 800 * kibibyte} bytes that are left`
  const reason = `is larger than the ${left} of the ${diskMax} bytes that a run may keep`
  expect({ lost, isMore }).toEqual({
    lost: [
      { path: '3', reason },
      { path: '4', reason },
    ],
    isMore: false,
  })
  expect((await blobBytes()) - before).toBe(800 * kibibyte + 4)
})

it('stores no more than the limit of files that grow after they were listed', async () => {
  const { run, source, output } = await startedRun()
  for (const name of ['a', 'b', 'c']) await writeFile(output(name), 'short')
  const before = await blobBytes()
  const growing: Workspace = {
    ...source,
    async openOutput(path) {
      await truncate(output(path), 500 * kibibyte)
      return source.openOutput(path)
    },
  }
  const { lost } = await keepOutput(world.platform, { run, source: growing })
  expect(lost.map(({ path }) => path)).toEqual(['c'])
  expect((await blobBytes()) - before).toBe(1000 * kibibyte)
})

it('names the files that are too large, and those with several names, without storing them', async () => {
  const { run, source, output } = await startedRun()
  const file = await open(output('original'), 'w')
  await file.truncate(300 * kibibyte)
  await file.close()
  await mkdir(output('names'))
  for (let number = 0; number < 3; number += 1) await link(output('original'), output(`names/${number}`))
  await writeFile(output('large'), '')
  await truncate(output('large'), 601 * kibibyte)
  const before = await blobBytes()
  const { lost } = await keepOutput(world.platform, { run, source })
  const severalNames = 'has more than one name (hard links)'
  expect(Object.fromEntries(lost.map(({ path, reason }) => [path, reason]))).toEqual({
    original: severalNames,
    'names/0': severalNames,
    'names/1': severalNames,
    'names/2': severalNames,
    large: `is larger than ${600 * kibibyte} bytes`,
  })
  expect(await blobBytes()).toBe(before)
})

it('keeps what fits into the quotas of the organization, and names the others without storing them', async () => {
  const { actor, run, source, output } = await startedRun()
  await overrideQuotas(world, actor, { storedBytes: 700 * kibibyte, files: 3 })
  for (const [name, size] of [
    ['1', 400],
    ['2', 400],
    ['3', 200],
    ['4', 1],
    ['5', 1],
  ] as const) {
    await writeFile(output(name), '')
    await truncate(output(name), size * kibibyte)
  }
  const before = await blobBytes()
  const { lost, isMore } = await keepOutput(world.platform, { run, source })
  expect({ lost, isMore }).toEqual({
    lost: [
      { path: '2', reason: expect.stringMatching(/^does not fit: The organization may have 716800 bytes of/) },
      { path: '5', reason: expect.stringMatching(/^does not fit: The organization may have 3 stored files/) },
    ],
    isMore: false,
  })
  expect((await blobBytes()) - before).toBe(601 * kibibyte)
  // Another attempt of the run keeps the same files, and adds none.
  expect((await keepOutput(world.platform, { run, source })).lost.map(({ path }) => path)).toEqual(['2', '5'])
  expect((await blobBytes()) - before).toBe(601 * kibibyte)
})

it('keeps the files that come after many links, and counts the links that it does not name', async () => {
  const { run, source, output } = await startedRun()
  for (let number = 0; number < 150; number += 1) await symlink('/nowhere', output(`link${number}`))
  await writeFile(output('result.txt'), 'kept')
  const before = await blobBytes()
  const { lost, moreLost, isMore, isCut } = await keepOutput(world.platform, { run, source })
  expect([lost.length, moreLost, isMore, isCut]).toEqual([100, 50, false, false])
  expect((await blobBytes()) - before).toBe(4)
})
