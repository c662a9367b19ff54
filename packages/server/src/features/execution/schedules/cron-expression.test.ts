import { describe, expect, it } from 'vitest'
import { findRuleMistakes, lastFires, nextFire, nextFires, tidyExpression } from './cron-expression.ts'

const at = (text: string) => new Date(text)
const messageOf = (cronExpression: string) => findRuleMistakes({ cronExpression, timezone: 'UTC' })[0]?.message
const firesOf = (...[cronExpression, timezone, after, count]: [string, string, string, number]) =>
  nextFires({ cronExpression, timezone }, at(after), count).map((time) => time.toISOString().replace(':00.000Z', 'Z'))

describe('a cron expression', () => {
  it.each([
    '* * * * *',
    '*/15 9-17 * * MON-FRI',
    '0 0 1,15 * *',
    '0 0 29 2 *',
    '5 4 * JAN SUN',
    '0 9 L * *',
    '0 9 15W * *',
    '0 9 * * MON#1',
    '0 9 * * FRI#L',
    '59 23 31 12 7',
  ])('can be %j', (cronExpression) => {
    expect(findRuleMistakes({ cronExpression, timezone: 'UTC' })).toEqual([])
  })

  it.each(['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'])(
    'can be the alias %s',
    (cronExpression) => {
      expect(findRuleMistakes({ cronExpression, timezone: 'Europe/Berlin' })).toEqual([])
    },
  )

  it.each([
    ['* * * * * *', 'has 6 fields, but needs exactly 5: minute, hour, day of month, month, day of week'],
    ['* * * *', 'has 4 fields, but needs exactly 5: minute, hour, day of month, month, day of week'],
    ['hourly', 'has 1 field, but needs exactly 5: minute, hour, day of month, month, day of week'],
    ['2026-03-21T09:00:00', 'has 1 field, but needs exactly 5: minute, hour, day of month, month, day of week'],
    ['@reboot', 'is not an alias: use @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually'],
    ['60 * * * *', 'has 60 as its minute, which goes from 0 to 59'],
    ['* 24 * * *', 'has 24 as its hour, which goes from 0 to 23'],
    ['* * 0 * *', 'has 0 as its day of month, which goes from 1 to 31'],
    ['* * * 1-13 *', 'has 13 as its month, which goes from 1 to 12'],
    ['* * * * 8', 'has 8 as its day of week, which goes from 0 to 7'],
    ['* * ? * *', 'has "?" as its day of month, where only numbers, names and * , - / # L W can stand'],
    ['0 0 30 2 *', 'never fires: there is no such day'],
    ['0 0 31 2,4,6,9,11 *', 'never fires: there is no such day'],
  ])('cannot be %j, and reports why', (cronExpression, message) => {
    expect(findRuleMistakes({ cronExpression, timezone: 'UTC' })).toEqual([
      { pointer: '/cronExpression', message, code: 'cron' },
    ])
  })

  it.each([
    '*/0 * * * *',
    '5/15 * * * *',
    '22-2 * * * *',
    '* * * FOO *',
    '0 0 * * 1#6',
    '1,,2 * * * *',
    '-1 * * * *',
    '1.5 * * * *',
    '*/99 * * * *',
  ])('cannot be %j', (text) => {
    expect(messageOf(text)).toMatch(/^(is not a cron expression: |has ")/)
  })

  it('is stored with single blanks', () => {
    expect(tidyExpression('  0   9 * *\tMON ')).toBe('0 9 * * MON')
  })

  it('fires on either day when both day fields are set, like cron', () => {
    expect(firesOf('0 0 1 * MON', 'UTC', '2026-03-28T00:00:00Z', 3)).toEqual([
      '2026-03-30T00:00Z',
      '2026-04-01T00:00Z',
      '2026-04-06T00:00Z',
    ])
  })

  it('fires after a moment, not at it', () => {
    expect(firesOf('0 12 * * *', 'UTC', '2026-03-21T12:00:00.000Z', 1)).toEqual(['2026-03-22T12:00Z'])
    expect(firesOf('0 12 * * *', 'UTC', '2026-03-21T11:59:59.999Z', 1)).toEqual(['2026-03-21T12:00Z'])
  })
})

describe('a time zone', () => {
  it.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Asia/Kolkata', 'Etc/GMT+5'])(
    'can be %s',
    (timezone) => {
      expect(findRuleMistakes({ cronExpression: '@daily', timezone })).toEqual([])
    },
  )

  it.each(['Mars/Olympus', '+02:00', 'Europe', '', 'Europe/Berlin ', 'local'])('cannot be %j', (timezone) => {
    expect(findRuleMistakes({ cronExpression: '@daily', timezone })).toEqual([
      { pointer: '/timezone', message: 'is not an IANA time zone such as Europe/Berlin or UTC', code: 'timezone' },
    ])
  })

  it('is reported together with the mistakes in the expression', () => {
    expect(findRuleMistakes({ cronExpression: 'x', timezone: 'y' }).map(({ pointer }) => pointer)).toEqual([
      '/cronExpression',
      '/timezone',
    ])
  })
})

describe('when the clocks go forward', () => {
  it('a fixed time that does not exist fires once, at the first moment after the gap', () => {
    expect(firesOf('30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00:00Z', 3)).toEqual([
      '2026-03-28T01:30Z',
      '2026-03-29T01:00Z',
      '2026-03-30T00:30Z',
    ])
    expect(firesOf('30 2 * * *', 'America/New_York', '2026-03-07T12:00:00Z', 2)).toEqual([
      '2026-03-08T07:00Z',
      '2026-03-09T06:30Z',
    ])
    expect(firesOf('15 2 * * *', 'Australia/Lord_Howe', '2026-10-02T16:00:00Z', 2)).toEqual([
      '2026-10-03T15:30Z',
      '2026-10-04T15:15Z',
    ])
  })

  it('a list of hours is fixed too', () => {
    expect(firesOf('30 2,14 * * *', 'Europe/Berlin', '2026-03-28T20:00:00Z', 3)).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-29T12:30Z',
      '2026-03-30T00:30Z',
    ])
  })

  it('a midnight that does not exist fires at the first moment of the day', () => {
    expect(firesOf('@daily', 'Africa/Cairo', '2026-04-22T22:30:00Z', 2)).toEqual([
      '2026-04-23T22:00Z',
      '2026-04-24T21:00Z',
    ])
  })

  it('an interval continues in real time', () => {
    expect(firesOf('*/15 * * * *', 'Europe/Berlin', '2026-03-29T00:30:00Z', 3)).toEqual([
      '2026-03-29T00:45Z',
      '2026-03-29T01:00Z',
      '2026-03-29T01:15Z',
    ])
    expect(firesOf('*/15 * * * *', 'Australia/Lord_Howe', '2026-10-03T15:00:00Z', 3)).toEqual([
      '2026-10-03T15:15Z',
      '2026-10-03T15:30Z',
      '2026-10-03T15:45Z',
    ])
  })

  it('an interval within the hour that does not exist has no fires on that day', () => {
    expect(firesOf('*/30 2 * * *', 'Europe/Berlin', '2026-03-28T00:30:00Z', 3)).toEqual([
      '2026-03-28T01:00Z',
      '2026-03-28T01:30Z',
      '2026-03-30T00:00Z',
    ])
  })
})

describe('when the clocks go back', () => {
  it('a fixed time that exists twice fires once, at the first of them', () => {
    expect(firesOf('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z',
    ])
    expect(firesOf('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', 2)).toEqual([
      '2026-11-01T05:30Z',
      '2026-11-02T06:30Z',
    ])
    expect(firesOf('45 1 * * *', 'Australia/Lord_Howe', '2026-04-03T16:00:00Z', 2)).toEqual([
      '2026-04-04T14:45Z',
      '2026-04-05T15:15Z',
    ])
  })

  it('an interval continues in real time', () => {
    expect(firesOf('*/30 * * * *', 'Europe/Berlin', '2026-10-24T23:45:00Z', 5)).toEqual([
      '2026-10-25T00:00Z',
      '2026-10-25T00:30Z',
      '2026-10-25T01:00Z',
      '2026-10-25T01:30Z',
      '2026-10-25T02:00Z',
    ])
    expect(firesOf('*/15 * * * *', 'Australia/Lord_Howe', '2026-04-04T14:30:00Z', 4)).toEqual([
      '2026-04-04T14:45Z',
      '2026-04-04T15:00Z',
      '2026-04-04T15:15Z',
      '2026-04-04T15:30Z',
    ])
  })
})

describe('looking back', () => {
  it('includes the moment itself', () => {
    const rule = { cronExpression: '0 12 * * *', timezone: 'UTC' }
    expect(lastFires(rule, at('2026-03-21T12:00:00.000Z'), 2)).toEqual([
      at('2026-03-21T12:00:00.000Z'),
      at('2026-03-20T12:00:00.000Z'),
    ])
    expect(lastFires(rule, at('2026-03-21T11:59:59.999Z'), 1)).toEqual([at('2026-03-20T12:00:00.000Z')])
  })

  // Missed fires are searched backwards: both directions must find the same fires, even when the clocks change.
  it.each(
    ['30 2 * * *', '*/15 * * * *', '*/20 2 * * *', '30 1,2 * * *', '0 0 * * *', '7 */3 * * *'].flatMap(
      (cronExpression) =>
        [
          ['Europe/Berlin', '2026-03-27T22:00:00Z'],
          ['Europe/Berlin', '2026-10-23T22:00:00Z'],
          ['America/New_York', '2026-03-06T22:00:00Z'],
          ['America/New_York', '2026-10-30T22:00:00Z'],
          ['Australia/Lord_Howe', '2026-10-02T10:00:00Z'],
          ['Australia/Lord_Howe', '2026-04-03T10:00:00Z'],
        ].map(([timezone = '', from = '']) => [cronExpression, timezone, from] as const),
    ),
  )('finds the same fires as looking forward: %s in %s from %s', (cronExpression, timezone, from) => {
    const rule = { cronExpression, timezone }
    const end = at(from).getTime() + 72 * 3_600_000
    const forward: Date[] = []
    for (let time = nextFire(rule, at(from)); time !== null && time.getTime() <= end; time = nextFire(rule, time))
      forward.push(time)
    expect(lastFires(rule, new Date(end), forward.length).reverse()).toEqual(forward)
  })
})
