import type { Operation } from '../../platform/http/api.ts'
import { splitRoute } from '../../platform/http/api.ts'
import { requester, type Answer } from '../request.ts'
import { fillRoute, paramsOf } from './attempt.ts'
import { findWireIds, prefixOf, type Belongings } from './belongings.ts'
import { exampleQuery } from './example-request.ts'

export interface Sight {
  readonly operation: Operation
  readonly answer: Answer
}

/** Calls every GET operation with the caller's own ids in the path, and returns the answers. */
export async function lookAtOwn(
  url: string,
  operations: readonly Operation[],
  who: { headers: Readonly<Record<string, string>>; own: Belongings },
): Promise<Sight[]> {
  const send = requester(url, {})
  const sights: Sight[] = []
  for (const operation of operations) {
    const [method] = splitRoute(operation.endpoint.route)
    if (method !== 'GET' || operation.endpoint.streams === 'text/event-stream') continue
    // Not the tenant's own: only administrators of the instance see it.
    if (operation.endpoint.caller === 'administrator') continue
    const params = Object.fromEntries(
      Object.entries(paramsOf(operation)).map(([name, param]) => [
        name,
        ('id' in param ? who.own.ids.get(param.id) : who.own.texts.get(name))?.[0] ?? '',
      ]),
    )
    const query = exampleQuery(operation, () => undefined)
    sights.push({
      operation,
      answer: await send(fillRoute(operation.endpoint.route, params), { headers: who.headers, query }),
    })
  }
  return sights
}

/** The resources that a path needs and that do not exist, one line each. */
export function findMissing(operations: readonly Operation[], { ids, texts }: Belongings): string[] {
  return operations.flatMap((operation) =>
    Object.entries(paramsOf(operation)).flatMap(([name, param]) => {
      const there = 'id' in param ? ids.get(param.id) : texts.get(name)
      if (there !== undefined && there.length > 0) return []
      const what = 'id' in param ? `a resource with an id ${param.id}_…` : `a text for :${name}`
      return [
        `${operation.id} (${operation.endpoint.route}): the testing/fill-tenant.ts of its noun must create ${what}.`,
      ]
    }),
  )
}

/** Every id in the answers with a wanted prefix. */
export function idsSeen(sights: readonly Sight[], wanted: (prefix: string) => boolean): string[] {
  return [...new Set(sights.flatMap(({ answer }) => findWireIds(answer.text)))].filter((id) => wanted(prefixOf(id)))
}
