// Prints the file of the operation that answers a request: `npm run where -- POST /api/runs/run_1/cancel`.
import { features } from '../packages/server/src/features/index.ts'
import { listOperations, patternOf, splitRoute } from '../packages/server/src/platform/http/api.ts'
import { sourceOf } from '../packages/server/src/platform/http/feature.ts'
import { routedUrl } from '../packages/server/src/platform/http/request-url.ts'

const [method = '', address = ''] = process.argv.slice(2).join(' ').trim().split(/\s+/)
const url = URL.canParse(address) ? new URL(address).pathname : address
const path = routedUrl(url.startsWith('/') ? url : `/${url}`).split('?', 1)[0] ?? ''
const there = listOperations(features).filter(({ endpoint }) => patternOf(splitRoute(endpoint.route)[1]).test(path))
// As the router does: `/models/default` has priority over `/models/:modelId`, and both over `/*`.
const [found] = there
  .filter(
    ({ endpoint }) =>
      splitRoute(endpoint.route)[0] === (method.toUpperCase() === 'HEAD' ? 'GET' : method.toUpperCase()),
  )
  .sort((a, b) => looseness(a.endpoint.route) - looseness(b.endpoint.route))

if (found !== undefined) console.log(sourceOf(found.feature, found.id))
else console.error(explain())
process.exitCode = found === undefined ? 1 : 0

function looseness(route: string): number {
  return route.split(':').length + 100 * route.split('*').length
}

function explain(): string {
  if (address === '')
    return 'Usage: npm run where -- <METHOD> <path>, for example: npm run where -- POST /api/runs/run_1/cancel'
  if (there.length === 0) return `No operation answers ${path}.`
  const methods = there.map(({ endpoint }) => splitRoute(endpoint.route)[0])
  return `No operation answers ${method} ${path}; it takes ${methods.join(', ')}.`
}
