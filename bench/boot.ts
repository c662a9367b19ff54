import { setTimeout as sleep } from 'node:timers/promises'
import { median, megabytes, milliseconds, none, type Benchmark } from './measurement.ts'
import { stopChild, treeMemory } from './processes.ts'
import { bootServer, makeDataDir } from './server.ts'

const boots = 5
const settleMs = 2_000
/** Time for the work that a server does after it is ready. */
const restMs = 500

/** The time from the start of the process to `/ready`, and the memory of the idle instance. */
export const boot: Benchmark = {
  name: 'boot',
  async measure() {
    const dataDir = await makeDataDir()
    try {
      const first = await bootServer(dataDir.path)
      // The first run is created after the server is ready. A stop before that would make the next boot create it.
      await sleep(settleMs)
      const idle = await treeMemory(first.child.pid ?? 0)
      await stopChild(first.child)
      const warmMs: number[] = []
      for (let count = 0; count < boots; count += 1) {
        const { child, bootMs } = await bootServer(dataDir.path)
        warmMs.push(bootMs)
        await sleep(restMs)
        await stopChild(child)
      }
      const plain = { baseline: none, ratio: none }
      const bootMs = median(warmMs)
      return [
        {
          what: 'start of the process to `/ready`, warm',
          measured: milliseconds(bootMs),
          ...plain,
          aim: '≤ 1,500 ms',
          met: bootMs <= 1_500,
        },
        {
          what: 'the same on an empty directory (creates the database and the first run)',
          measured: milliseconds(first.bootMs),
          ...plain,
          aim: none,
          met: undefined,
        },
        {
          what: `idle memory (PSS) of all ${idle.processes} processes, PostgreSQL included`,
          measured: megabytes(idle.pssBytes),
          ...plain,
          aim: none,
          met: undefined,
        },
      ]
    } finally {
      await dataDir.remove()
    }
  },
}
