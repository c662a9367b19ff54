import { describe, expect, it } from 'vitest'
import { forwardTo, levelOf, parseServerLine } from './server-log.ts'

describe('a line of PostgreSQL', () => {
  it.each([
    ['00000 LOG:  checkpoint starting: time', 'debug'],
    ['00000 LOG:  server process (PID 7) was terminated by signal 9: Killed', 'warn'],
    ['01000 WARNING:  there is already a transaction in progress', 'warn'],
    ['23505 ERROR:  duplicate key value violates unique constraint "runs_pkey"', 'warn'],
    ['53100 ERROR:  could not extend file "base/5/1": No space left on device', 'error'],
    ['XX001 ERROR:  invalid page in block 3 of relation base/5/2619', 'error'],
    ['57P01 FATAL:  terminating connection due to administrator command', 'debug'],
    ['57P03 FATAL:  the database system is starting up', 'debug'],
    ['53300 FATAL:  sorry, too many clients already', 'error'],
    ['58P01 PANIC:  could not locate a valid checkpoint record', 'error'],
    ['2026-01-01 10:00:00.000 UTC [7] FATAL:  data directory has wrong ownership', 'error'],
  ])('%s is shown at level %s', (line, level) => {
    const message = parseServerLine(line)
    expect(message && levelOf(message)).toBe(level)
  })

  it('that continues a message has the level of the message', () => {
    const seen: [string, string][] = []
    const to = (level: string) => (_: unknown, text?: string) => void seen.push([level, text ?? ''])
    const forward = forwardTo({ debug: to('debug'), info: to('info'), warn: to('warn'), error: to('error') })
    for (const line of ['XX000 PANIC:  first', '\tsecond', '00000 LOG:  third', '\tfourth']) forward(line)
    expect(seen).toEqual([
      ['error', 'first'],
      ['error', 'second'],
      ['debug', 'third'],
      ['debug', 'fourth'],
    ])
  })

  it('of another program is not a message', () => {
    expect(parseServerLine('postgres: error while loading shared libraries: libz.so.1')).toBeUndefined()
  })
})
