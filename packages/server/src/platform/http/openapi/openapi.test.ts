import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { features } from '../../../features/index.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { buildDocument } from './docs.ts'
import { endpoint, ok } from '../endpoint.ts'
import { feature, kebabCase, sourceOf, type Feature } from '../feature.ts'
import { makeToys } from '../testing/toys.ts'

const root = new URL('../../../../../../', import.meta.url)
const { feature: toys } = makeToys()
let world: World
let directory: string
beforeAll(async () => {
  world = await openWorld({ features: [...features, toys] })
  directory = await mkdtemp(join(tmpdir(), 'appstrate-openapi-'))
})
afterAll(async () => {
  await world.close()
  await rm(directory, { recursive: true })
})

/** Runs a tool of the repository with the Node that runs the tests. */
async function runTool(path: string, ...args: string[]) {
  const environment = {
    ...process.env,
    REDOCLY_TELEMETRY: 'off',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
    NO_COLOR: '1',
    DATABASE_URL: undefined,
    NODE_OPTIONS: '',
  }
  const child = spawn(process.execPath, [path, ...args], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { status, stdout, output: `${stdout}${stderr}` }
}

describe('GET /api/openapi.json', () => {
  it('is built only from the declarations, so that it can be printed without a server', async () => {
    const { body } = await world.send('GET /api/openapi.json')
    expect(body).toEqual(JSON.parse(JSON.stringify(await buildDocument([...features, toys]))))
  })

  it('describes an endpoint: operation id, source, security, scopes, parameters, body, replies, problems', async () => {
    const { body } = await world.send('GET /api/openapi.json')
    const { post } = body.paths['/api/toys']
    expect(post).toMatchObject({
      operationId: 'createToy',
      summary: 'Create a toy',
      description: expect.stringContaining('agents:write'),
      tags: ['Toys'],
      security: [{ apiKey: [] }, { session: [] }],
      'x-source': 'packages/server/src/features/catalog/toys/create-toy.ts',
      requestBody: {
        required: true,
        content: { 'application/json': { schema: { type: 'object', required: ['name'] } } },
      },
      responses: { 201: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Toy' } } } } },
    })
    expect(Object.keys(post.responses)).toEqual(
      expect.arrayContaining(['201', '400', '401', '403', '404', '409', '413', '415', '422', '429', '500', '503']),
    )
    for (const [status, response] of Object.entries<{ content: unknown }>(post.responses)) {
      if (status !== '201') expect(Object.keys(Object(response.content))).toEqual(['application/problem+json'])
    }
    expect(post.parameters.map(({ name }: { name: string }) => name)).toEqual([
      'appstrate-version',
      'x-app-id',
      'appstrate-user',
      'idempotency-key',
    ])
    expect(body.paths['/api/toys/{toyId}/run'].post.requestBody.required).toBe(false)
    expect(body.paths['/api/toys/{toyId}'].delete.responses['204'].content).toBeUndefined()
    expect(body.paths['/api/public-toys'].get.security).toEqual([])
    expect(body.paths['/api/realtime/toys'].get.security).toEqual([
      { apiKey: [] },
      { streamToken: [] },
      { session: [] },
    ])
  })

  it('has no dangling references, and nothing that looks like a secret', async () => {
    const { body, text } = await world.send('GET /api/openapi.json')
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference ?? '')
    expect(references.length).toBeGreaterThan(0)
    for (const reference of new Set(references)) {
      const target = reference
        .split('/')
        .slice(1)
        .reduce((value: unknown, key) => Object(value)[key], body)
      expect(target, reference).toBeTypeOf('object')
    }
    expect(text).not.toMatch(/ask_[A-Za-z0-9]{8}|sk-[A-Za-z0-9]{8}|whsec_[A-Za-z0-9]{8}/)
    expect(text).not.toMatch(/"x-(component|example|optional-body|nothing)"/)
  })
})

describe('processes/print-openapi.ts', () => {
  it('prints, without a database, a document in which redocly finds no error and no warning', async () => {
    const printed = await runTool('packages/server/src/processes/print-openapi.ts')
    expect(printed.status, printed.output).toBe(0)
    expect(JSON.parse(printed.stdout)).toMatchObject({ openapi: '3.1.0' })
    const file = join(directory, 'openapi.json')
    await writeFile(file, printed.stdout)
    const lint = await runTool(
      'node_modules/@redocly/cli/bin/cli.js',
      'lint',
      file,
      '--format=json',
      '--config=redocly.yaml',
    )
    const { totals, problems } = JSON.parse(lint.stdout)
    expect({ totals, problems }).toMatchObject({ totals: { errors: 0, warnings: 0 }, problems: [] })
  }, 240_000)

  it('prints a document from which a client can be generated that type-checks', async () => {
    await writeFile(join(directory, 'toys.json'), JSON.stringify(await buildDocument([toys])))
    const client = join(directory, 'client.ts')
    const generated = await runTool(
      'node_modules/openapi-typescript/bin/cli.js',
      join(directory, 'toys.json'),
      '-o',
      client,
    )
    expect(generated.status, generated.output).toBe(0)
    await writeFile(join(directory, 'program.ts'), program(new URL('node_modules/openapi-fetch/', root).pathname))
    const flags = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--moduleResolution',
      'nodenext',
      '--target',
      'es2024',
      '--lib',
      'es2024,dom',
      '--allowImportingTsExtensions',
    ]
    const compiled = await runTool('node_modules/typescript/bin/tsc', ...flags, join(directory, 'program.ts'))
    expect(compiled.output).toBe('')
    expect(compiled.status).toBe(0)
  }, 240_000)
})

function program(fetchLibrary: string): string {
  return `
import createClient from '${fetchLibrary}dist/index.mjs'
import type { paths } from './client.ts'
const client = createClient<paths>({ baseUrl: 'http://127.0.0.1' })
export async function main(): Promise<string> {
  const list = await client.GET('/api/toys', { params: { query: { page: 2, pageSize: 20 } } })
  const total: number | undefined = list.data?.pagination.total
  // @ts-expect-error the query is typed
  await client.GET('/api/toys', { params: { query: { page: 'two' } } })
  const { data, error } = await client.POST('/api/toys', { body: { name: 'ball' } })
  // @ts-expect-error the body is typed
  await client.POST('/api/toys', { body: { name: 7 } })
  // @ts-expect-error no such path
  await client.GET('/api/games')
  await client.POST('/api/toys/{toyId}/run', { params: { path: { toyId: 'toy_1' } } })
  return error === undefined ? \`\${data.id} \${total}\` : \`\${error.title} \${error.status}\`
}`
}

describe('an operation id is a file name', () => {
  it('in kebab-case', () => {
    expect(['startRun', 'listApiKeys', 'run', 'getRunOfEndUser'].map(kebabCase)).toEqual([
      'start-run',
      'list-api-keys',
      'run',
      'get-run-of-end-user',
    ])
  })

  it.each(features.map((each) => [each.folder, each] as const))(
    '%s: every operation has its file, which exports it by its name',
    async (_folder, each) => {
      expect(await misplaced(each)).toEqual([])
    },
  )

  it('and this test fails if it is not', async () => {
    const nowhere = endpoint({
      route: 'GET /api/nowhere',
      summary: 'x',
      caller: 'anyone',
      permission: 'none',
      limit: 'default',
      idempotency: 'not-needed',
      audit: 'none',
      returns: { 200: Type.Null() },
      fails: [],
      handle: async () => ok(null),
    })
    const declaration = { folder: 'execution/runs', tag: 'T', description: 'T' }
    expect(await misplaced(feature({ ...declaration, endpoints: { nowhereAtAll: nowhere } }))).toEqual([
      'packages/server/src/features/execution/runs/nowhere-at-all.ts does not exist',
    ])
    expect(await misplaced(feature({ ...declaration, endpoints: { index: nowhere } }))).toEqual([
      'packages/server/src/features/execution/runs/index.ts does not export index',
    ])
  })
})

async function misplaced(each: Feature): Promise<string[]> {
  const found = Object.keys(each.endpoints).map(async (id) => {
    const source = sourceOf(each, id)
    if (!existsSync(new URL(source, root))) return [`${source} does not exist`]
    const exports = new RegExp(`^export const ${id} = `, 'm').test(await readFile(new URL(source, root), 'utf8'))
    return exports ? [] : [`${source} does not export ${id}`]
  })
  return (await Promise.all(found)).flat()
}

describe('GET /api/docs', () => {
  it('loads all its parts from this server, and refers to no other host', async () => {
    const page = await world.send('GET /api/docs')
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '')
    expect(parts.length).toBeGreaterThanOrEqual(5)
    for (const path of parts) {
      expect(path).toMatch(/^\/api\/docs\//)
      const part = await world.send(`GET ${path}`)
      expect([part.status, part.text.length > 0], path).toEqual([200, true])
      if (path.endsWith('.css')) expect(part.text, path).not.toMatch(/url\(["']?(?:https?:)?\/\//)
    }
    expect(page.text).not.toMatch(/(?:https?:)?\/\/[a-z]/)
    // By default the bundle calls validator.swagger.io; the page must disable that.
    expect((await world.send('GET /api/docs/static/swagger-initializer.js')).text).toContain('validatorUrl: null')
  })

  it('forbids the browser to load anything from other hosts', async () => {
    const policy = (await world.send('GET /api/docs')).headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(/default-src 'self'/)
    expect(policy).not.toMatch(/http|\.io|upgrade/)
  })

  it('shows the same document', async () => {
    const [shown, document] = [await world.send('GET /api/docs/json'), await world.send('GET /api/openapi.json')]
    expect(shown.body).toEqual(document.body)
  })
})
