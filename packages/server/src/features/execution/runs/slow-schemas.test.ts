import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'

let world: RunWorld
beforeAll(async () => {
  world = await openRunWorld({ worker: false })
})
afterAll(() => world.close())

const objectWith = (property: unknown) => ({ type: 'object', properties: { s: property } })
const slow = [
  ['a format', objectWith({ type: 'string', format: 'url' }), `http://${':'.repeat(100_000)}`],
  [
    'many lengths',
    objectWith({ allOf: Array.from({ length: 1_200 }, () => ({ minLength: 1 })) }),
    'a'.repeat(1_500_000),
  ],
  ['a pattern', objectWith({ pattern: '^(a+)+$' }), `${'a'.repeat(60)}!`],
] as const

describe('an input whose check takes too long', { timeout: 60_000 }, () => {
  it.each(slow)('is refused by runs and schedules: %s', async (_name, input, s) => {
    const actor = await world.actor('hello', { input })
    const refused = { status: 422, body: { errors: [{ pointer: '/input', code: 'schema-too-slow' }] } }
    expect(await actor.start({ input: { s } })).toMatchObject(refused)
    if (s.length > 1_000_000) return // Larger than a schedule accepts.
    const schedule = { agentId: actor.agentId, cronExpression: '30 2 * * *' }
    expect(await actor.send('POST /api/schedules', { body: { ...schedule, input: { s } } })).toMatchObject(refused)
    const made = await actor.send('POST /api/schedules', { body: schedule })
    expect(await actor.send(`PATCH /api/schedules/${made.body.id}`, { body: { input: { s } } })).toMatchObject(refused)
  })

  it('does not delay other organizations', async () => {
    const [, input, s] = slow[0]
    const hostile = await world.actor('hello', { input })
    const other = await world.actor('hello', { input: objectWith({ type: 'string' }) })
    await startOf(other)
    let ended = 0
    const flood = Array.from({ length: 4 }, () => hostile.start({ input: { s } }).finally(() => (ended += 1)))
    expect((await fetch(`${world.url}/health`)).status).toBe(200)
    await startOf(other)
    expect(ended).toBeLessThan(4)
    await Promise.all(flood)
  })
})

async function startOf(actor: Actor): Promise<void> {
  expect((await actor.start({ input: { s: 'x' } })).status).toBe(202)
}
