import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MemoryReserve } from './memory-reserve.ts'
import { watchUsage } from './usage-watch.ts'

let workspaceDir = ''
beforeAll(async () => {
  workspaceDir = await mkdtemp(join(tmpdir(), 'appstrate-reserve-'))
})
afterAll(() => rm(workspaceDir, { recursive: true }))

const mebibyte = 1024 * 1024

/** A process whose child holds so much memory, and says so. */
async function hold(bytes: number): Promise<ChildProcess> {
  const program = '$| = 1; $text = "x" x $ARGV[0]; print "ready"; sleep 600'
  const child = spawn('sh', ['-c', 'perl -e "$1" "$2"; exit', 'hold', program, String(bytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  await once(child.stdout, 'data')
  return child
}

test('ends the largest execution when the memory of the machine runs out, and only that one', async () => {
  const children = [await hold(mebibyte), await hold(64 * mebibyte), await hold(2 * mebibyte)]
  let availableBytes = 200
  const reserve = new MemoryReserve({ availableBytes: () => availableBytes, reserveBytes: 100 })
  const over = new AbortController()
  const reasons: (string | undefined)[] = [undefined, undefined, undefined]
  const watches = children.map(async ({ pid = 0 }, index) => {
    reasons[index] = await watchUsage(
      {
        workspaceDir,
        launcher: pid,
        limits: { memoryBytes: 1024 * mebibyte, processesMax: 10, diskBytes: mebibyte, cpuSeconds: 10 },
        before: { bytes: 0, files: 0, missed: 0 },
        memoryIsAccounted: true,
        socketsAreAccounted: true,
        threadsShareFiles: true,
        buffersAreFixed: true,
        signal: over.signal,
      },
      reserve,
    )
    if (reasons[index] === 'memory-limit') availableBytes = 200
  })
  try {
    expect(reasons).toEqual([undefined, undefined, undefined])
    availableBytes = 99
    await Promise.race(watches)
    expect(reasons).toEqual([undefined, 'memory-limit', undefined])
  } finally {
    over.abort()
    await Promise.all(watches)
    for (const child of children) {
      const exited = once(child, 'exit')
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      await exited
    }
  }
  expect(reasons).toEqual(['exited', 'memory-limit', 'exited'])
})

test('ends the execution that the kernel has worked for when the measures do not explain the loss', async () => {
  let availableBytes = 10_000
  const reserve = new MemoryReserve({ availableBytes: () => availableBytes, reserveBytes: 1_000 })
  const using = (bytes: number, systemTicks: number) => ({ measure: () => Promise.resolve({ bytes, systemTicks }) })
  const users = [using(400, 5), using(100, 90), using(300, 5)]
  for (const user of users) reserve.enter(user)
  const chosen = async () => Promise.all(users.map((user) => reserve.mustEnd(user)))
  expect(await chosen()).toEqual([false, false, false])
  availableBytes = 900
  expect(await chosen()).toEqual([false, true, false])
})

test('ends the largest execution when the measures explain the loss, whoever has worked more', async () => {
  let availableBytes = 10_000
  const reserve = new MemoryReserve({ availableBytes: () => availableBytes, reserveBytes: 1_000 })
  const users = [
    { measure: () => Promise.resolve({ bytes: 8_900, systemTicks: 5 }) },
    { measure: () => Promise.resolve({ bytes: 100, systemTicks: 90 }) },
  ]
  for (const user of users) reserve.enter(user)
  availableBytes = 900
  expect(await Promise.all(users.map((user) => reserve.mustEnd(user)))).toEqual([true, false])
})
