import { spawnSync } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import { sweepLeftovers } from './sweep-leftovers.ts'

let world: RunWorld
beforeAll(async () => {
  // The worker's check of the sandbox uses the temporary directory of this process.
  world = await openRunWorld()
})
afterAll(() => world.close())

it('removes temporary files of dead processes, and keeps those of living ones', async () => {
  const root = join(world.platform.config.DATA_DIR, 'temporary')
  const [living = ''] = await readdir(root)
  const dead = living.replace(/^\d+/, String(spawnSync('true').pid))
  await mkdir(join(root, dead, 'input-abcdef'), { recursive: true })
  await writeFile(join(root, dead, 'input-abcdef', 'stdin'), 'secret input of a tool')
  await sweepLeftovers(world.platform)
  expect(await readdir(root)).toEqual([living])
})
