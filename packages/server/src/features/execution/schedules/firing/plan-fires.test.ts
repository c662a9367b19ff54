// own-process: measures the CPU time of the process.
import { describe, expect, it } from 'vitest'
import { nextFire, nextFires } from '../cron-expression.ts'
import type { MissedFires, Overlap } from '../schedule.ts'
import { decideFires, dueAtOf, missedRunsMax, planFires, type PlannableSchedule } from './plan-fires.ts'

const at = (text: string) => new Date(text)
const schedule = (fields: Partial<PlannableSchedule> = {}): PlannableSchedule => ({
  id: '01900000-0000-7000-8000-000000000001',
  cronExpression: '0 * * * *',
  timezone: 'UTC',
  jitterSeconds: 0,
  missedFires: 'skip',
  heldFor: null,
  nextRunAt: at('2026-03-21T10:00:00Z'),
  ...fields,
})
const run = (time: string) => ({ kind: 'run', scheduledFor: at(time) })
const missed = (from: string, through: string | null) => ({
  kind: 'missed',
  scheduledFor: at(from),
  through: through === null ? null : at(through),
})

describe('the plan of a schedule', () => {
  it('is empty before the fire is due, and when there is no next fire', () => {
    const due = at('2026-03-21T10:00:00Z')
    expect(planFires(schedule(), at('2026-03-21T09:59:59.999Z'))).toEqual({ fires: [], nextRunAt: due, dueAt: due })
    expect(planFires(schedule({ nextRunAt: null }), due)).toEqual({ fires: [], nextRunAt: null, dueAt: null })
  })

  it.each(['2026-03-21T10:00:00.000Z', '2026-03-21T10:00:37.000Z', '2026-03-21T10:01:00.000Z'])(
    'runs the fire when it is on time, up to a minute late: at %s',
    (now) => {
      const next = at('2026-03-21T11:00:00Z')
      for (const missedFires of ['skip', 'run-once', 'run-all'] as const) {
        expect(planFires(schedule({ missedFires }), at(now))).toEqual({
          fires: [run('2026-03-21T10:00:00Z')],
          nextRunAt: next,
          dueAt: next,
        })
      }
    },
  )

  it('is due again at once when the next fire is already due', () => {
    const now = at('2026-03-21T10:01:00.000Z')
    expect(planFires(schedule({ cronExpression: '* * * * *' }), now)).toEqual({
      fires: [run('2026-03-21T10:00:00Z')],
      nextRunAt: now,
      dueAt: now,
    })
  })

  it.each<[MissedFires, object[], string]>([
    ['skip', [missed('2026-03-21T10:00:00Z', null)], '2026-03-21T11:00:00Z'],
    ['run-once', [run('2026-03-21T10:00:00Z')], '2026-03-21T11:00:00Z'],
    ['run-all', [run('2026-03-21T10:00:00Z')], '2026-03-21T11:00:00Z'],
  ])('%s: one missed fire', (missedFires, fires, next) => {
    expect(planFires(schedule({ missedFires }), at('2026-03-21T10:01:00.001Z'))).toEqual({
      fires,
      nextRunAt: at(next),
      dueAt: at(next),
    })
  })

  it.each<[MissedFires, object[], string, string]>([
    ['skip', [missed('2026-03-21T10:00:00Z', '2026-03-21T13:00:00Z')], '2026-03-21T14:00:00Z', '2026-03-21T14:00:00Z'],
    [
      'run-once',
      [missed('2026-03-21T10:00:00Z', '2026-03-21T12:00:00Z'), run('2026-03-21T13:00:00Z')],
      '2026-03-21T14:00:00Z',
      '2026-03-21T14:00:00Z',
    ],
    ['run-all', [run('2026-03-21T10:00:00Z')], '2026-03-21T11:00:00Z', '2026-03-21T13:30:00Z'],
  ])('%s: four missed fires', (...[missedFires, fires, nextRunAt, dueAt]) => {
    expect(planFires(schedule({ missedFires }), at('2026-03-21T13:30:00Z'))).toEqual({
      fires,
      nextRunAt: at(nextRunAt),
      dueAt: at(dueAt),
    })
  })

  it('treats a fire that is less than a minute late as on time, after missed ones', () => {
    const plan = planFires(schedule(), at('2026-03-21T12:00:30Z'))
    expect(plan.fires).toEqual([missed('2026-03-21T10:00:00Z', '2026-03-21T11:00:00Z')])
    expect(plan).toMatchObject({ nextRunAt: at('2026-03-21T12:00:00Z'), dueAt: at('2026-03-21T12:00:30Z') })
  })

  it('records years of missed minutes quickly, as one range', () => {
    const before = process.cpuUsage()
    const { fires } = planFires(schedule({ cronExpression: '* * * * *' }), at('2029-03-21T10:00:00Z'))
    expect(fires).toEqual([missed('2026-03-21T10:00:00Z', '2029-03-21T09:58:00Z')])
    // Iterating over 1.5 million fires one by one takes longer on any machine.
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1000).toBeLessThan(3_000)
  })

  // Carries out the plan repeatedly, as the job does.
  const carryOut = (from: PlannableSchedule, now: Date) => {
    const fires = []
    let current = from
    for (let rounds = 0; rounds < 500; rounds += 1) {
      const plan = planFires(current, now)
      fires.push(...plan.fires)
      current = { ...current, nextRunAt: plan.nextRunAt }
      if (plan.dueAt === null || plan.dueAt > now) return fires
    }
    throw new Error('The plan never became empty.')
  }

  it.each(['* * * * *', '*/5 * * * *', '17 3 * * *', '0 9 1 * *'])(
    'run-all runs the last 100 of %s, oldest first, and records the earlier ones',
    (cronExpression) => {
      const now = at('2046-03-21T13:30:30Z')
      const fires = carryOut(
        schedule({
          cronExpression,
          missedFires: 'run-all',
          nextRunAt: nextFire({ cronExpression, timezone: 'UTC' }, at('2026-03-21T10:00:00Z')),
        }),
        now,
      )
      const runs = fires.flatMap((fire) => (fire.kind === 'run' ? [fire.scheduledFor] : []))
      const onTime = runs.filter((time) => time.getTime() + 60_000 >= now.getTime()).length
      expect(runs).toHaveLength(missedRunsMax + onTime)
      expect(runs).toEqual(runs.toSorted((a, b) => a.getTime() - b.getTime()))
      expect(fires.filter(({ kind }) => kind === 'missed')).toHaveLength(1)
      // No fire between them or after them is left out.
      expect(
        nextFires({ cronExpression, timezone: 'UTC' }, new Date((runs[0]?.getTime() ?? 0) - 1), runs.length),
      ).toEqual(runs)
      expect(nextFire({ cronExpression, timezone: 'UTC' }, runs.at(-1) ?? now)?.getTime()).toBeGreaterThan(
        now.getTime(),
      )
    },
  )

  it('accounts for every fire once, with every setting', () => {
    for (const missedFires of ['skip', 'run-once', 'run-all'] as const) {
      const fires = carryOut(schedule({ cronExpression: '*/10 * * * *', missedFires }), at('2026-03-21T14:05:00Z'))
      const count = fires.flatMap((fire) =>
        fire.kind === 'run' || fire.through === null
          ? [1]
          : [(fire.through.getTime() - fire.scheduledFor.getTime()) / 600_000 + 1],
      )
      expect(count.reduce((sum, each) => sum + each, 0)).toBe(25)
    }
  })
})

describe('jitter', () => {
  const nominal = at('2026-03-21T10:00:00Z')
  const withJitter = (jitterSeconds: number, cronExpression = '0 * * * *', n = 1) =>
    schedule({ jitterSeconds, cronExpression, id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}` })

  it('is the same for the same fire, and differs from schedule to schedule and fire to fire', () => {
    const delays = Array.from(
      { length: 200 },
      (_, n) => dueAtOf(withJitter(600, '0 * * * *', n), nominal).getTime() - nominal.getTime(),
    )
    expect(delays).toEqual(
      Array.from(
        { length: 200 },
        (_, n) => dueAtOf(withJitter(600, '0 * * * *', n), nominal).getTime() - nominal.getTime(),
      ),
    )
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...delays)).toBeLessThan(600_000)
    // Spread out: each sixth of the interval has some fires.
    for (let part = 0; part < 6; part += 1)
      expect(delays.filter((ms) => Math.floor(ms / 100_000) === part).length).toBeGreaterThan(10)
    expect(dueAtOf(withJitter(600), nominal)).not.toEqual(dueAtOf(withJitter(600), at('2026-03-21T11:00:00Z')))
  })

  it('never reaches the next fire, so that fires keep their order', () => {
    for (let n = 0; n < 100; n += 1) {
      const due = dueAtOf(withJitter(3600, '* * * * *', n), nominal).getTime() - nominal.getTime()
      expect(due).toBeLessThan(60_000)
    }
  })

  it('decides when a fire is due and late, and keeps its nominal time', () => {
    const jittered = withJitter(600)
    const due = dueAtOf(jittered, nominal)
    expect(planFires(jittered, new Date(due.getTime() - 1))).toEqual({ fires: [], nextRunAt: nominal, dueAt: due })
    for (const lateMs of [0, 60_000]) {
      const plan = planFires(jittered, new Date(due.getTime() + lateMs))
      expect(plan.fires).toEqual([run('2026-03-21T10:00:00Z')])
      expect(plan.dueAt).toEqual(dueAtOf(jittered, at('2026-03-21T11:00:00Z')))
    }
    expect(planFires(jittered, new Date(due.getTime() + 60_001)).fires).toEqual([missed('2026-03-21T10:00:00Z', null)])
  })
})

describe('overlap', () => {
  const fire = { kind: 'run', scheduledFor: at('2026-03-21T10:00:00Z') } as const
  const waiting = at('2026-03-21T09:00:00Z')
  const kindsOf = (overlap: Overlap, activeRunIds: string[], queuedFor: Date | null = null) =>
    decideFires([fire], { overlap, activeRunIds, queuedFor, isSuspended: false }).map(({ kind }) => kind)

  it.each<Overlap>(['allow', 'skip', 'queue', 'cancel-previous'])('%s starts when nothing runs', (overlap) => {
    expect(decideFires([fire], { overlap, activeRunIds: [], queuedFor: null, isSuspended: false })).toEqual([
      { kind: 'start', scheduledFor: fire.scheduledFor, cancels: [] },
    ])
  })

  it('decides the outcome of a fire while a run has not ended', () => {
    expect(kindsOf('allow', ['a'])).toEqual(['start'])
    expect(kindsOf('skip', ['a'])).toEqual(['skipped-overlap'])
    expect(kindsOf('queue', ['a'])).toEqual(['queued'])
    expect(
      decideFires([fire], {
        overlap: 'cancel-previous',
        activeRunIds: ['a', 'b'],
        queuedFor: null,
        isSuspended: false,
      }),
    ).toMatchObject([{ kind: 'start', cancels: ['a', 'b'] }])
  })

  it('queues only one fire', () => {
    expect(kindsOf('queue', ['a'], waiting)).toEqual(['skipped-overlap'])
  })

  it('starts the queued fire when the run has ended, and queues the next one behind it', () => {
    expect(decideFires([fire], { overlap: 'queue', activeRunIds: [], queuedFor: waiting, isSuspended: false })).toEqual(
      [
        { kind: 'start', scheduledFor: waiting, cancels: [] },
        { kind: 'queued', scheduledFor: fire.scheduledFor },
      ],
    )
    expect(decideFires([], { overlap: 'queue', activeRunIds: ['a'], queuedFor: waiting, isSuspended: false })).toEqual(
      [],
    )
  })

  it('records missed fires even while a run is active', () => {
    const range = { kind: 'missed', scheduledFor: fire.scheduledFor, through: null } as const
    expect(
      decideFires([range], { overlap: 'queue', activeRunIds: ['a'], queuedFor: waiting, isSuspended: false }),
    ).toEqual([{ kind: 'skipped-missed', scheduledFor: fire.scheduledFor, through: null }])
  })
})
