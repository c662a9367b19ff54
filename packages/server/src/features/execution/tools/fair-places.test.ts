import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import { detectSandbox } from '../sandboxes/index.ts'

const deadlineMs = 60_000

let world: RunWorld
beforeAll(async () => {
  world = await openRunWorld({
    environment: { SANDBOXES_CONCURRENT: '2', RUNS_CONCURRENT: '4', RUN_SLOT_SECONDS: '1' },
  })
  const bash = (command: string) => ({ name: 'bash', arguments: { command, timeoutSeconds: 600 } })
  world.models.registerScenario('sleeps', { steps: [{ text: '', toolCalls: [bash('sleep 600')] }, { text: 'Done.' }] })
  const nap = { text: '', toolCalls: [bash('sleep 4; echo rested')] }
  world.models.registerScenario('naps', { steps: [nap, { text: 'Done.' }] })
  world.models.registerScenario('quick', { steps: [{ text: '', toolCalls: [bash('echo hello')] }, { text: 'Done.' }] })
})
afterAll(() => world.close())

it('runs a command at once while another organization has many that take long', {
  timeout: 3 * deadlineMs,
}, async () => {
  const detection = await detectSandbox({
    preference: world.platform.config.SANDBOX,
    log: world.platform.log,
    hidden: [],
  })
  expect(detection.available).toBe(true)
  const [busy, calm] = [
    await world.actor('sleeps', { tools: ['bash'] }),
    await world.actor('quick', { tools: ['bash'] }),
  ]
  const ids: string[] = []
  for (let index = 0; index < 3; index += 1) ids.push(String((await busy.start()).body.id))
  const started = async (id: string) => (await busy.logs(id)).some(({ event }) => event === 'tool_started')
  const answered = async (id: string) => (await busy.logs(id)).some(({ event }) => event === 'model_answer')
  // One of them has a place, and the others wait for one.
  await eventually(async () => {
    const [begun, asked] = [await Promise.all(ids.map(started)), await Promise.all(ids.map(answered))]
    return begun.includes(true) && !asked.includes(false) ? true : undefined
  }, deadlineMs)
  // The others sleep for longer than this request waits.
  for (let index = 0; index < 3; index += 1) expect((await calm.runToEnd()).body.status).toBe('success')
  expect((await Promise.all(ids.map(started))).filter((begun) => begun)).toHaveLength(1)
  for (const id of ids) {
    expect((await busy.send(`GET /api/runs/${id}`)).body.status).toBe('running')
    await busy.send(`POST /api/runs/${id}/cancel`)
  }
})

it(
  'gives the slot of a run that waits for a place to another organization, and makes its call later',
  async () => {
    const active = (count: number) => eventually(async () => world.activeRuns() === count || undefined, deadlineMs)
    await active(0)
    const [busy, silent] = [await world.actor('naps', { tools: ['bash'] }), await world.actor('long-wait')]
    const ids: string[] = []
    for (let index = 0; index < 3; index += 1) ids.push(String((await busy.start()).body.id))
    // They must have theirs first: the last slot is for an organization without any.
    await active(3)
    const other = String((await silent.start()).body.id)
    await active(4)
    const calm = await world.actor('hello')
    expect((await calm.runToEnd()).body.status).toBe('success')
    for (const id of ids) {
      const run = await eventually(async () => {
        const { body } = await busy.send(`GET /api/runs/${id}`)
        return body.completedAt === null ? undefined : body
      }, deadlineMs)
      expect(run.status).toBe('success')
      const results = (await busy.logs(id)).filter(({ event }) => event === 'tool_finished').map(({ data }) => data)
      expect(results).toMatchObject([{ isError: false, result: expect.stringContaining('rested') }])
    }
    await silent.send(`POST /api/runs/${other}/cancel`)
  },
  3 * deadlineMs,
)
