/** One row of the table. Values are text, because each benchmark has its own units. */
export interface Row {
  readonly what: string
  readonly measured: string
  readonly baseline: string
  readonly ratio: string
  readonly aim: string
  /** Undefined when the row has no aim. */
  readonly met: boolean | undefined
}

/** A benchmark starts everything that it needs, and removes it afterwards. */
export interface Benchmark {
  readonly name: string
  measure(): Promise<Row[]>
}

export const none = '—'

/** The value below which the given share of the values lies. Throws on an empty list. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  if (value === undefined) throw new Error('Nothing was measured.')
  return value
}

/** The middle value. For an even number of values it is the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const [lower, upper] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  if (lower === undefined || upper === undefined) throw new Error('Nothing was measured.')
  return (lower + upper) / 2
}

/** The median with the lowest and highest round. A wide span means that the machine was busy. */
export function ratioText(ratios: readonly number[]): string {
  return `${percent(median(ratios))} (${percent(Math.min(...ratios))} to ${percent(Math.max(...ratios))})`
}

export function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`
}

export function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')}/s`
}

export function milliseconds(value: number): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(0)} MB`
}

export function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}

/**
 * Measures several things alternately, in reverse order every other round, so that neither the order nor other load on
 * the machine favours one of them. Discards one warm-up round.
 */
export async function alternate<T>(rounds: number, measures: readonly (() => Promise<T>)[]): Promise<T[][]> {
  const results: T[][] = []
  for (let round = 0; round <= rounds; round += 1) {
    const isReverse = round % 2 === 1
    const values: T[] = []
    for (const measure of isReverse ? measures.toReversed() : measures) values.push(await measure())
    if (round > 0) results.push(isReverse ? values.toReversed() : values)
  }
  return results
}
