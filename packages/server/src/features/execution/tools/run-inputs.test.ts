import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseWireId, toWireId } from '../../../platform/ids/id.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import { addRunFile, readContent } from '../files/index.ts'
import { findRun, unsealRun } from '../runs/index.ts'
import { createWorkspace } from '../sandboxes/index.ts'
import { loadInputs } from './run-inputs.ts'
import { workspaceRoot } from './run-sandbox.ts'

let world: RunWorld
beforeAll(async () => {
  world = await openRunWorld({ worker: false })
})
afterAll(() => world.close())

it('gives input files unique names in one folder, also output files of another run', async () => {
  const actor = await world.actor('hello')
  const maker = await insertRun(world.platform, actor, { status: 'success' })
  const paths = ['charts/a.csv', 'tables/a.csv', 'a.csv', `long/${'x'.repeat(251)}.csv`, `${'x'.repeat(251)}.csv`]
  const made = []
  for (const path of paths)
    made.push(await addRunFile(world.platform, { ...maker, runId: maker.id }, { path, content: Readable.from([path]) }))
  const { body } = await actor.start({ files: made.map(({ id }) => toWireId('file', id)) })
  const stored = await findRun(world.platform.db, actor.scope, parseWireId('run', body.id) ?? '')
  if (stored === undefined) throw new Error('The run is missing.')
  const run = await unsealRun(world.platform, stored)
  const inputs = await loadInputs(world.platform, run)
  expect(inputs.map(({ name }) => name)).toEqual([
    'a.csv',
    'a_1.csv',
    `${'x'.repeat(251)}.csv`,
    'a_2.csv',
    `${'x'.repeat(249)}_1.csv`,
  ])
  expect(await loadInputs(world.platform, run)).toEqual(inputs)
  const workspace = await createWorkspace(workspaceRoot(world.platform), run.id)
  for (const input of inputs) await workspace.putInput(input.name, await readContent(world.platform, input))
  await workspace.remove()
})
