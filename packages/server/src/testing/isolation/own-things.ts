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

/** What somebody sees of their own: the answer of every GET, with their own ids in its path. Throws when an operation needs a thing that nobody made. */
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

/** What a path needs and nobody made, one line each. */
export function findMissing(operations: readonly Operation[], { ids, texts }: Belongings): string[] {
  return operations.flatMap((operation) =>
    Object.entries(paramsOf(operation)).flatMap(([name, param]) => {
      const there = 'id' in param ? ids.get(param.id) : texts.get(name)
      if (there !== undefined && there.length > 0) return []
      const what = 'id' in param ? `a thing with an id ${param.id}_…` : `a text for :${name}`
      return [`${operation.id} (${operation.endpoint.route}): testing/isolation/fill-tenant.ts must make ${what}.`]
    }),
  )
}

/** Every id that the answers show, of the prefixes asked for. */
export function idsSeen(sights: readonly Sight[], wanted: (prefix: string) => boolean): string[] {
  return [...new Set(sights.flatMap(({ answer }) => findWireIds(answer.text)))].filter((id) => wanted(prefixOf(id)))
}
