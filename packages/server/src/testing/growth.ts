/** Below this time, the cost of an input does not matter, and clocks and garbage collection decide the ratio. */
const negligibleMs = 8

/** A quadratic function takes sixteen times as long for four times the input; a linear one four times. */
const ratioMax = 9

/**
 * Measures `work` with an input of `size` and of four times that size, and returns a sentence if the time grows faster
 * than linearly; undefined otherwise. It takes the quickest of several attempts, because the machine may be busy.
 */
export async function findGrowth(size: number, work: (size: number) => unknown): Promise<string | undefined> {
  let finding: string | undefined
  let [smallMs, largeMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let attempt = 0; attempt < 6; attempt += 1) {
    smallMs = Math.min(smallMs, await elapsedMs(() => work(size)))
    largeMs = Math.min(largeMs, await elapsedMs(() => work(size * 4)))
    if (largeMs < negligibleMs || largeMs < smallMs * ratioMax) return undefined
    finding = `${size} takes ${smallMs.toFixed(1)} ms, ${size * 4} takes ${largeMs.toFixed(1)} ms`
  }
  return finding
}

async function elapsedMs(work: () => unknown): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}
