import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../testing/factories/run-world.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { job, type Job } from './job.ts'
import { startJobs } from './start-jobs.ts'

describe('jobs', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const counting = (fields: Partial<Job> = {}, answers: (() => Promise<boolean>)[] = []) => {
    const rounds: number[] = []
    const declared = job({
      name: 'count-rounds',
      everyMs: 60_000,
      wakes: ['outbox'],
      async run() {
        rounds.push(Date.now())
        return (await answers[rounds.length - 1]?.()) ?? false
      },
      ...fields,
    })
    return { declared, rounds }
  }
  const reached = (rounds: readonly number[], count: number) =>
    eventually(async () => (rounds.length >= count ? true : undefined))

  it('run at once, then wait for their interval', async () => {
    const { declared, rounds } = counting({ everyMs: 50 })
    const { stop } = startJobs(world.platform, [declared])
    await reached(rounds, 3)
    await stop()
    expect((rounds[1] ?? 0) - (rounds[0] ?? 0)).toBeGreaterThanOrEqual(45)
  })

  it('run again at once while there is more to do', async () => {
    const more = async () => true
    const { declared, rounds } = counting({}, [more, more, more])
    const { stop } = startJobs(world.platform, [declared])
    await reached(rounds, 4)
    await stop()
    expect(rounds).toHaveLength(4)
  })

  it('are woken while they wait, and also by wake-ups during a round', async () => {
    const { declared, rounds } = counting({}, [async () => (world.platform.wake.wake('outbox', ''), false)])
    const { stop } = startJobs(world.platform, [declared])
    await reached(rounds, 2)
    world.platform.wake.wake('outbox', '')
    await reached(rounds, 3)
    await stop()
  })

  it('are retried after a failure, which is logged once with their name', async () => {
    const { declared, rounds } = counting({ everyMs: 10 }, [() => Promise.reject(new Error('no luck'))])
    const { stop } = startJobs(world.platform, [declared])
    await reached(rounds, 2)
    await stop()
    const logged = world.logLines.filter((line) => line.includes('no luck'))
    expect(logged).toHaveLength(1)
    expect(logged[0]).toContain('"job":"count-rounds"')
  })

  it('wait a second after a failure, regardless of wake-ups', async () => {
    const { declared, rounds } = counting({ everyMs: 10 }, [() => Promise.reject(new Error('not now'))])
    const { stop } = startJobs(world.platform, [declared])
    const ringing = setInterval(() => world.platform.wake.wake('outbox', ''), 5)
    await reached(rounds, 2)
    clearInterval(ringing)
    await stop()
    expect((rounds[1] ?? 0) - (rounds[0] ?? 0)).toBeGreaterThanOrEqual(990)
  })

  it('do not block each other, and end with the stop', async () => {
    const stuck = counting({
      run: (_platform, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(false))),
    })
    const quick = counting({ everyMs: 5 })
    const { stop } = startJobs(world.platform, [stuck.declared, quick.declared])
    await reached(quick.rounds, 3)
    await stop()
    const atStop = quick.rounds.length
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(quick.rounds).toHaveLength(atStop)
  })
})
