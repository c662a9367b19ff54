import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import { detectSandbox } from '../sandboxes/index.ts'

const deadlineMs = 60_000

let world: RunWorld
beforeAll(async () => {
  world = await openRunWorld({ environment: { SANDBOXES_CONCURRENT: '2' } })
  const bash = (command: string) => ({ name: 'bash', arguments: { command, timeoutSeconds: 600 } })
  world.models.registerScenario('sleeps', { steps: [{ text: '', toolCalls: [bash('sleep 600')] }, { text: 'Done.' }] })
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
  for (let index = 0; index < 4; index += 1) ids.push(String((await busy.start()).body.id))
  for (const id of ids)
    await eventually(
      async () => ((await busy.logs(id)).some(({ event }) => event === 'tool_started') ? true : undefined),
      deadlineMs,
    )
  // The others sleep for longer than this request waits.
  for (let index = 0; index < 3; index += 1) expect((await calm.runToEnd()).body.status).toBe('success')
  for (const id of ids) {
    expect((await busy.send(`GET /api/runs/${id}`)).body.status).toBe('running')
    await busy.send(`POST /api/runs/${id}/cancel`)
  }
})
