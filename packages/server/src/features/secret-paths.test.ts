import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { listOperations, splitRoute } from '../platform/http/api.ts'
import { pathOf } from '../platform/http/problem-reply.ts'
import { features } from './index.ts'

/** Names of path parameters and of query parameters that hold a secret. */
const secretNames = /token|secret|code|password/i

const operations = listOperations(features)
const secretPaths = operations.flatMap(({ endpoint }) => {
  const [, url] = splitRoute(endpoint.route)
  const names = [...url.matchAll(/:(\w+)/g)].map(([, name = '']) => name).filter((name) => secretNames.test(name))
  return names.map((name) => ({ url, name }))
})

it('some routes have a secret in their path', () => {
  expect(secretPaths.map(({ url }) => url)).toContain('/invite/:token')
})

it.each(secretPaths)('a logged path never shows the secret of $url', ({ url, name }) => {
  for (const length of [8, 16, 24, 32]) {
    const secret = randomBytes(length).toString('base64url')
    const path = url.replace(`:${name}`, secret).replaceAll(/:\w+/g, 'x')
    expect(pathOf(path)).not.toContain(secret)
    expect(pathOf(path)).toContain('[redacted]')
  }
})

it.each(secretPaths)(
  'a logged path never shows the secret of $url after segments that no route has',
  ({ url, name }) => {
    const secret = randomBytes(32).toString('base64url')
    const before = ['/', './', '../', 'x/../', 'x/./', '%2e/', '%2E%2e/', 'x/', '%2F', 'x%2f', '\\', '%5c', '.;/']
    for (const prefix of before) {
      const path = url.replace(`:${name}`, prefix + secret).replaceAll(/:\w+/g, 'x')
      expect(pathOf(path)).not.toContain(secret)
      expect(pathOf(`/${path}`)).not.toContain(secret)
      expect(pathOf(path.replace('/api/', '/api/./'))).not.toContain(secret)
    }
  },
)

it('a logged path below a route that stands for another library shows only plain words', () => {
  const wildcards = operations.map(({ endpoint }) => splitRoute(endpoint.route)[1]).filter((url) => url.endsWith('*'))
  expect(wildcards.length).toBeGreaterThan(0)
  for (const url of wildcards) {
    const secret = randomBytes(18).toString('base64url')
    expect(pathOf(`${url.slice(0, -1)}some-action/${secret}/end`)).toBe(`${url.slice(0, -1)}some-action/[redacted]/end`)
  }
})
