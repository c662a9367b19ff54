import { randomBytes } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFairSemaphore } from '../../../platform/concurrency/fair-semaphore.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import type { Send } from '../../../testing/request.ts'
import { openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'
import { findRun, unsealRun, type Run } from '../runs/index.ts'
import type { SandboxDetection } from '../sandboxes/index.ts'
import { createRunSandbox, workspaceRoot } from './run-sandbox.ts'

type Driver = Extract<SandboxDetection, { available: true }>['driver']
type SandboxOptions = Parameters<Driver['open']>[0]

const diskMax = 1_048_576
const bytes = 200_000

describe('the input files of a run', () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld({ worker: false, environment: { RUN_DISK_MAX: String(diskMax) } })
  })
  afterAll(() => world.close())

  const upload = async (send: Send, content: Buffer<ArrayBuffer>): Promise<string> => {
    const form = new FormData()
    form.set('file', new Blob([content]), 'data.bin')
    return (await send('POST /api/files', { rawBody: form })).body.id
  }

  const runWith = async (actor: Actor, send: Send, files: readonly string[]): Promise<Run> => {
    const { body } = await send('POST /api/runs', { body: { agentId: actor.agentId, files } })
    const stored = await findRun(world.platform.db, actor.scope, parseWireId('run', body.id) ?? '')
    if (stored === undefined) throw new Error(`The run is missing: ${JSON.stringify(body)}`)
    return unsealRun(world.platform, stored)
  }

  /** Opens the sandbox of the run with a driver that records what it is opened with. */
  const openFor = async (run: Run) => {
    const opened: SandboxOptions[] = []
    const driver = {
      name: 'unshare' as const,
      open: (options: SandboxOptions) => {
        opened.push(options)
        return Promise.resolve({ exec: () => Promise.reject(new Error('Nothing is executed.')) })
      },
    }
    const detection = { available: true as const, driver }
    const sandbox = createRunSandbox(
      { platform: world.platform, detection, places: createFairSemaphore({ max: 1, waitingMax: 1 }) },
      run,
    )
    const answer = await sandbox.open(new AbortController().signal)
    return { sandbox, answer, limits: opened[0]?.limits, dir: join(workspaceRoot(world.platform), run.id, 'input') }
  }

  it('share the bytes of stored files, also in another attempt, and leave the whole disk to the run', async () => {
    const actor = await world.actor('hello')
    const content = randomBytes(bytes)
    const file = await upload(actor.send, content)
    const runs = [await runWith(actor, actor.send, [file]), await runWith(actor, actor.send, [file])]
    const id = parseWireId('file', file) ?? ''
    const blob = join(world.platform.config.DATA_DIR, 'blobs', id.slice(-2), id)
    for (const run of runs) {
      await openFor(run)
      const { limits, dir } = await openFor(run)
      expect(limits?.diskBytes).toBe(diskMax)
      expect(await readdir(dir)).toEqual(['data.bin'])
      expect((await stat(join(dir, 'data.bin'))).ino).toBe((await stat(blob)).ino)
    }
    for (const run of runs) await (await openFor(run)).sandbox.remove()
    expect((await stat(blob)).nlink).toBe(1)
    expect(await readFile(blob)).toEqual(content)
  })

  it('are copied where they are stored encrypted, and then count as used disk', async () => {
    const actor = await world.actor('hello')
    const send = actor.sendAs(await actor.endUser())
    const content = randomBytes(bytes)
    const run = await runWith(actor, send, [await upload(send, content)])
    const { limits, dir, sandbox } = await openFor(run)
    expect(limits?.diskBytes).toBe(diskMax - bytes)
    expect(await readFile(join(dir, 'data.bin'))).toEqual(content)
    await sandbox.remove()
  })

  it('are refused when they have more than half of the disk together', async () => {
    const actor = await world.actor('hello')
    const half = diskMax / 2
    const files = [await upload(actor.send, Buffer.alloc(half - 1)), await upload(actor.send, Buffer.alloc(1))]
    const run = await runWith(actor, actor.send, files)
    const answer = await actor.start({ files: [...files, await upload(actor.send, Buffer.alloc(1))] })
    expect(answer).toMatchObject({
      status: 422,
      body: { title: 'Run Not Ready', errors: [{ pointer: '/files', code: 'files-too-large' }] },
    })
    expect(answer.body.detail).toContain(`${half + 1} bytes`)
    await (await openFor(run)).sandbox.remove()
  })

  it('give no sandbox to a run that was started under a higher limit', async () => {
    const actor = await world.actor('hello')
    const run = await runWith(actor, actor.send, [await upload(actor.send, Buffer.alloc(10))])
    await world.platform.db
      .updateTable('files')
      .set({ size_bytes: diskMax })
      .where('application_id', '=', actor.applicationId)
      .execute()
    const { answer, limits } = await openFor(run)
    const counts = `${diskMax} bytes together, and ${diskMax / 2} are allowed`
    expect(answer).toEqual({ refused: `The run has no sandbox: its input files have ${counts}.` })
    expect(limits).toBeUndefined()
  })
})
