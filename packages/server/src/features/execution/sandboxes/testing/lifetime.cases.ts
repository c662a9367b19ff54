import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { quickestMs } from '../../../../testing/quickest.ts'
import { findProcesses, holdsWithin } from './arena.ts'
import type { ConformanceCase, Subject } from './conformance-case.ts'

// A duration that no other process on the machine sleeps for, so that the command line identifies the process.
const uniqueSleep = () => `${randomInt(500, 999)}.${randomInt(1e9, 9e9)}`

const stubborn = (seconds: string) => `
trap '' TERM HUP INT
(trap '' TERM HUP; setsid sleep ${seconds} >/dev/null 2>&1 </dev/null &)
(setsid sh -c 'trap "" TERM; sleep ${seconds}; :' &)
`

async function assertGone(seconds: string): Promise<void> {
  assert.deepEqual(await findProcesses(seconds), [], 'no process of the execution is alive')
}

const endsBackground: ConformanceCase = {
  name: 'a process left in the background is dead when exec resolves',
  async check({ inside }) {
    const seconds = uniqueSleep()
    const result = await inside(`${stubborn(seconds)} echo done`)
    await assertGone(seconds)
    assert.equal(result.stdout, 'done\n')
    assert.equal(result.exitCode, 0)
  },
}

const endsAtTimeout: ConformanceCase = {
  name: 'at the timeout the whole tree dies within a second, even if it ignores signals',
  async check({ inside }) {
    const timeoutMs = 4_000
    const overMs = await quickestMs(1_000, async () => {
      const seconds = uniqueSleep()
      const startedAt = performance.now()
      const result = await inside(`${stubborn(seconds)} echo before; kill -STOP $$ & sleep ${seconds}`, { timeoutMs })
      const tookMs = performance.now() - startedAt
      await assertGone(seconds)
      assert.deepEqual(
        { reason: result.reason, exitCode: result.exitCode, signal: result.signal },
        { reason: 'timeout', exitCode: null, signal: 'SIGKILL' },
      )
      assert.equal(result.stdout, 'before\n', 'the output until then is kept')
      assert.ok(tookMs >= timeoutMs - 10, `took ${tookMs} ms`)
      return tookMs - timeoutMs
    })
    assert.ok(overMs < 1_000, `took ${overMs} ms longer`)
  },
}

const endsAtAbort: ConformanceCase = {
  name: 'an abort kills the whole tree within a second, and an aborted signal starts nothing',
  async check({ inside }) {
    const tookMs = await quickestMs(1_000, async () => {
      const seconds = uniqueSleep()
      const abort = new AbortController()
      const running = inside(`${stubborn(seconds)} sleep ${seconds}`, { signal: abort.signal, timeoutMs: 120_000 })
      assert.ok(await holdsWithin(30_000, async () => (await findProcesses(`sleep\0${seconds}`)).length >= 3))
      const startedAt = performance.now()
      abort.abort()
      const result = await running
      const took = performance.now() - startedAt
      await assertGone(seconds)
      assert.equal(result.reason, 'aborted')
      const again = await inside('echo ran', { signal: abort.signal })
      assert.deepEqual([again.reason, again.stdout], ['aborted', ''])
      return took
    })
    assert.ok(tookMs < 1_000, `took ${tookMs} ms`)
  },
}

const abortsAnywhere: ConformanceCase = {
  name: 'an abort at any moment of the start leaves no process behind',
  async check({ inside }) {
    const seconds = uniqueSleep()
    for (let delayMs = 0; delayMs < 40; delayMs += 4) {
      const result = await inside(`sleep ${seconds}`, { signal: AbortSignal.timeout(delayMs) })
      assert.equal(result.reason, 'aborted')
      await assertGone(seconds)
    }
  },
}

const survivesForkBomb: ConformanceCase = {
  name: 'a fork bomb is contained and ended',
  limits: { processesMax: 24 },
  async check(subject) {
    const tookMs = await quickestMs(2_500, async () => {
      const seconds = uniqueSleep()
      // One fork starts the bomb, and `exec` needs none: a shell whose fork is refused would exit before the timeout.
      const result = await subject.inside(
        `bomb() { sleep ${seconds} & bomb | bomb & }; bomb 2>/dev/null & exec sleep ${seconds}`,
        { timeoutMs: 800 },
      )
      assert.equal(result.reason, 'timeout')
      await assertGone(seconds)
      await assertStillUsable(subject)
      return result.durationMs
    })
    assert.ok(tookMs < 2_500, `took ${tookMs} ms`)
  },
}

async function assertStillUsable({ inside }: Subject): Promise<void> {
  assert.equal((await inside('echo usable')).stdout, 'usable\n')
}

export const lifetimeCases: readonly ConformanceCase[] = [
  endsBackground,
  endsAtTimeout,
  endsAtAbort,
  abortsAnywhere,
  survivesForkBomb,
]
