import type { Horizon } from '../../execution/runs/index.ts'

/**
 * Looks up the horizon of an application. Only one query runs at a time; the calls that arrive meanwhile share the next
 * one, so that the cost does not grow with the number of streams.
 */
export function createHorizons(
  read: (applicationIds: readonly string[]) => Promise<ReadonlyMap<string, Horizon>>,
): (applicationId: string) => Promise<Horizon> {
  let running: Promise<unknown> = Promise.resolve()
  let next: { readonly ids: Set<string>; readonly result: Promise<ReadonlyMap<string, Horizon>> } | undefined
  const prepare = () => {
    const ids = new Set<string>()
    const result = running.then(() => {
      next = undefined
      return read([...ids])
    })
    running = result.catch(() => undefined)
    return { ids, result }
  }
  return async (applicationId) => {
    next ??= prepare()
    next.ids.add(applicationId)
    const horizon = (await next.result).get(applicationId)
    if (horizon === undefined) throw new Error(`The database returned no horizon for application ${applicationId}.`)
    return horizon
  }
}
