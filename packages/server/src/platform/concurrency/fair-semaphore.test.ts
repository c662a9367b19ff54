import { describe, expect, it } from 'vitest'
import { createFairSemaphore, QueueFull, WaitedTooLong } from './fair-semaphore.ts'

/** Work that ends when the test says so, and the order in which it started. */
function gates() {
  const started: string[] = []
  const open = new Map<string, () => void>()
  const work = (name: string) => () =>
    new Promise<void>((resolve) => {
      started.push(name)
      open.set(name, resolve)
    })
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  const end = async (name: string) => {
    await settle()
    open.get(name)?.()
    await settle()
  }
  return { started, work, settle, end }
}

describe('a fair semaphore', () => {
  it('gives a free place to the owner with the fewest, however long the queue of another is', async () => {
    const { started, work, end } = gates()
    const semaphore = createFairSemaphore({ max: 2, waitingMax: 100 })
    for (let i = 1; i <= 10; i += 1) void semaphore.run('flood', work(`flood ${i}`))
    void semaphore.run('calm', work('calm 1'))
    void semaphore.run('calm', work('calm 2'))
    await end('flood 1')
    expect(started).toEqual(['flood 1', 'flood 2', 'calm 1'])
    await end('calm 1')
    expect(started.at(-1)).toBe('calm 2')
    await end('calm 2')
    expect(started.at(-1)).toBe('flood 3')
  })

  it('takes turns between owners that have the same number of places', async () => {
    const { started, work, settle, end } = gates()
    const semaphore = createFairSemaphore({ max: 1, waitingMax: 100 })
    for (const owner of ['a', 'b', 'c']) {
      for (const i of [1, 2, 3]) void semaphore.run(owner, work(`${owner}${i}`))
    }
    await settle()
    for (let i = 0; i < 9; i += 1) await end(started.at(-1) ?? '')
    expect(started).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a3', 'b3', 'c3'])
  })

  it('refuses work that gets no place in time, and keeps the order of the rest', async () => {
    const { started, work, settle, end } = gates()
    const semaphore = createFairSemaphore({ max: 1, waitingMax: 100, waitMaxMs: 50 })
    void semaphore.run('a', work('a1'))
    await settle()
    await expect(semaphore.run('a', work('a2'))).rejects.toThrow(WaitedTooLong)
    void semaphore.run('a', work('a3'))
    await end('a1')
    expect(started).toEqual(['a1', 'a3'])
  })

  it('asks again for the most places of an owner whenever it gives one', async () => {
    const { started, work, settle, end } = gates()
    let ownerMax = 1
    const semaphore = createFairSemaphore({ max: 3, ownerMax: () => ownerMax, waitingMax: 100 })
    for (const i of [1, 2, 3]) void semaphore.run('a', work(`a${i}`))
    await settle()
    expect(started).toEqual(['a1'])
    ownerMax = 2
    await end('a1')
    expect(started).toEqual(['a1', 'a2', 'a3'])
  })

  it('leaves places free for others when one owner has its most', async () => {
    const { started, work, settle, end } = gates()
    const semaphore = createFairSemaphore({ max: 3, ownerMax: 2, waitingMax: 100 })
    for (const i of [1, 2, 3]) void semaphore.run('a', work(`a${i}`))
    await settle()
    expect(started).toEqual(['a1', 'a2'])
    void semaphore.run('b', work('b1'))
    await settle()
    expect(started).toEqual(['a1', 'a2', 'b1'])
    await end('b1')
    expect(started).toHaveLength(3)
    await end('a1')
    expect(started.at(-1)).toBe('a3')
  })

  it('keeps its last places for owners that have none', async () => {
    const { started, work, settle, end } = gates()
    const semaphore = createFairSemaphore({ max: 4, ownerMax: 3, keptForNew: 1, waitingMax: 100 })
    for (const i of [1, 2, 3, 4]) void semaphore.run('a', work(`a${i}`))
    for (const i of [1, 2]) void semaphore.run('b', work(`b${i}`))
    await settle()
    expect(started).toEqual(['a1', 'a2', 'a3', 'b1'])
    await end('a1')
    // The next free place is the last one, which both leave to an owner without any.
    expect(started).toHaveLength(4)
    void semaphore.run('c', work('c1'))
    await settle()
    expect(started.at(-1)).toBe('c1')
    await end('c1')
    await end('a2')
    expect(started.slice(5)).toEqual(['b2'])
  })

  it('refuses work of an owner with too much waiting, and takes that of another', async () => {
    const { started, work, end } = gates()
    const semaphore = createFairSemaphore({ max: 1, waitingMax: 1 })
    void semaphore.run('a', work('a1'))
    void semaphore.run('a', work('a2'))
    await expect(semaphore.run('a', work('a3'))).rejects.toThrow(QueueFull)
    void semaphore.run('b', work('b1'))
    await end('a1')
    await end(started.at(-1) ?? '')
    expect(started.sort()).toEqual(['a1', 'a2', 'b1'])
  })

  it('forgets work that is aborted while it waits', async () => {
    const { started, work, end } = gates()
    const semaphore = createFairSemaphore({ max: 1, waitingMax: 1 })
    void semaphore.run('a', work('a1'))
    const controller = new AbortController()
    const aborted = semaphore.run('b', work('b1'), controller.signal)
    controller.abort(new Error('No longer needed.'))
    await expect(aborted).rejects.toThrow('No longer needed.')
    await expect(semaphore.run('b', work('b2'), controller.signal)).rejects.toThrow('No longer needed.')
    void semaphore.run('b', work('b3'))
    await end('a1')
    expect(started).toEqual(['a1', 'b3'])
  })

  it('starts what waits when it grows, and nothing more than its size after it shrank', async () => {
    const { started, work, settle, end } = gates()
    const semaphore = createFairSemaphore({ max: 2, waitingMax: 100 })
    for (const i of [1, 2, 3, 4, 5]) void semaphore.run('a', work(`a${i}`))
    semaphore.resize(1)
    await end('a1')
    expect(started).toEqual(['a1', 'a2'])
    await end('a2')
    expect(started).toEqual(['a1', 'a2', 'a3'])
    semaphore.resize(0)
    await end('a3')
    expect(started).toHaveLength(3)
    semaphore.resize(2)
    await settle()
    expect(started).toEqual(['a1', 'a2', 'a3', 'a4', 'a5'])
  })

  it('shares its places evenly over ten owners of which one floods', async () => {
    const { started, work, settle, end } = gates()
    const semaphore = createFairSemaphore({ max: 4, ownerMax: 3, waitingMax: 1_000 })
    const owners = ['flood', ...Array.from({ length: 9 }, (_, index) => `calm${index}`)]
    for (let i = 0; i < 500; i += 1) void semaphore.run('flood', work(`flood ${i}`))
    // The others ask for one place at a time, each as soon as its last one has ended.
    const ask = async (owner: string) => {
      for (let i = 0; i < 20; i += 1) await semaphore.run(owner, work(`${owner} ${i}`))
    }
    for (const owner of owners.slice(1)) void ask(owner)
    await settle()
    for (let ended = 0; ended < 150; ended += 1) await end(started[ended] ?? '')
    const counts = owners.map((owner) => started.filter((name) => name.startsWith(`${owner} `)).length)
    const [sum, squares] = [counts.reduce((a, b) => a + b), counts.reduce((a, b) => a + b * b, 0)]
    expect(sum ** 2 / (counts.length * squares), String(counts)).toBeGreaterThanOrEqual(0.99)
  })

  it('gives the place back when the work fails', async () => {
    const semaphore = createFairSemaphore({ max: 1, waitingMax: 1 })
    const failing = semaphore.run('a', () => Promise.reject(new Error('Failed.')))
    await expect(failing).rejects.toThrow('Failed.')
    expect(await semaphore.run('a', () => Promise.resolve('done'))).toBe('done')
  })
})
