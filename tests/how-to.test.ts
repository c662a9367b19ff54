import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, type Body } from './client.ts'
import { blocksOf, differences, listPages, readPage, runBlocks } from './how-to-pages.ts'
import { connectModel } from './journeys.ts'
import { createInstance, type FirstRun, type Instance } from './server-process.ts'

/** Sleeps for the number of seconds in its input, then greets. */
const scenario = {
  steps: [
    {
      text: 'I take my time.',
      toolCalls: [
        {
          name: 'bash',
          arguments: { command: 'sleep 0{{input.seconds}}; echo done > /workspace/output/greeting.txt' },
        },
      ],
    },
    {
      text: 'Ready.',
      toolCalls: [
        { name: 'log', arguments: { level: 'info', message: 'Greeting {{input.name}}.' } },
        { name: 'output', arguments: { message: 'Hello {{input.name}}' } },
      ],
    },
    { text: 'Done.' },
  ],
}

describe('the guides', () => {
  let models: ModelServer
  let receiver: Server
  let instance: Instance
  let firstRun: FirstRun
  let folder: string
  let modelId: string
  let environment: Record<string, string>

  beforeAll(async () => {
    models = await startModelServer({ scenarios: { greeter: scenario } })
    receiver = createServer((request, response) => void request.resume().on('end', () => response.end('ok')))
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    folder = await mkdtemp(join(tmpdir(), 'appstrate-how-to-'))
    instance = await createInstance({ ALLOW_PRIVATE_ADDRESSES: 'true' })
    firstRun = await instance.start()
    modelId = await connectModel(instance.url, firstRun, { baseUrl: `${models.url}/v1`, modelId: 'greeter' })
    environment = {
      PATH: `${await ownPrograms(folder)}${delimiter}${process.env['PATH']}`,
      HOME: folder,
      URL: instance.url,
      ORG: firstRun.orgId,
      COOKIES: join(folder, 'cookies.txt'),
      RECEIVER: urlOf(receiver),
    }
    const jar = environment['COOKIES'] ?? ''
    const body = JSON.stringify({ email: firstRun.email, password: firstRun.password })
    await promisify(execFile)('curl', [
      '-sf',
      '-c',
      jar,
      '-H',
      'Content-Type: application/json',
      '-d',
      body,
      `${instance.url}/api/auth/sign-in/email`,
    ])
  }, 120_000)
  afterAll(async () => {
    await instance.remove()
    await models.close()
    receiver.closeAllConnections()
    receiver.close()
    await rm(folder, { recursive: true, force: true })
  })

  let applications = 0
  // Each attempt at a page has its own application, key and agent, so that earlier attempts leave nothing behind.
  const openApplication = async () => {
    applications += 1
    const asOwner = async (route: string, body: object, headers: readonly string[]) => {
      const options = [
        '-sf',
        '-b',
        environment['COOKIES'] ?? '',
        ...headers.flatMap((header) => ['-H', header]),
        '--json',
        JSON.stringify(body),
      ]
      const { stdout } = await promisify(execFile)('curl', [...options, `${instance.url}${route}`])
      const reply: Body = JSON.parse(stdout)
      return reply
    }
    const appId = String((await asOwner('/api/applications', { name: 'Guide' }, [`X-Org-Id: ${firstRun.orgId}`])).id)
    const apiKey = String((await asOwner('/api/api-keys', { name: 'Guide' }, [`X-App-Id: ${appId}`])).key)
    const agent = {
      name: `greeter-${applications}`,
      displayName: 'Greeter',
      prompt: 'Greet.',
      tools: ['bash', 'log', 'output'],
      modelId,
    }
    const { body } = await createClient(instance.url, { apiKey, appId }).send('POST /api/agents', agent)
    return { KEY: apiKey, APP: appId, AGENT: String(body.id) }
  }

  it.each(listPages())(
    '%s works from top to bottom, with the output that it shows',
    { timeout: 180_000 },
    async (name) => {
      const blocks = readPage(name)
      expect(blocks.length, 'a guide has executable blocks').toBeGreaterThan(0)
      const cwd = await mkdtemp(join(folder, 'page-'))
      const { code, outputs, stderr } = await runBlocks(blocks, {
        environment: { ...environment, ...(await openApplication()) },
        cwd,
        timeoutMs: 170_000,
      })
      const failed = blocks[outputs.length]
      expect(
        code,
        `docs/how-to/${name}, line ${failed?.line}:\n${failed?.script}\n${stderr.split('\n').slice(-8).join('\n')}`,
      ).toBe(0)
      blocks.forEach(({ expected, line }, index) => {
        if (expected !== undefined)
          expect(
            differences(expected, outputs[index] ?? ''),
            `docs/how-to/${name}, below line ${line}: ${outputs[index]}`,
          ).toEqual([])
      })
    },
  )
})

describe('the README', () => {
  it('shows curl commands that work as they are, with the ids of earlier replies in place of …', {
    timeout: 120_000,
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'appstrate-readme-'))
    const instance = await createInstance()
    try {
      const firstRun = await instance.start()
      await writeFile(join(folder, 'sales.csv'), 'product,quantity\npen,3\nink,4\n')
      const ids = new Map([
        ['ask', firstRun.apiKey],
        ['app', firstRun.appId],
        ['org', firstRun.orgId],
        ['agent', firstRun.agentId],
      ])
      const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
      const commands = blocksOf(readme).flatMap(({ script }) => commandsOf(script))
      const curls = commands.filter((command) => command.startsWith('curl'))
      expect(curls.length).toBeGreaterThan(8)
      const variables: string[] = []
      for (const command of commands.filter((each) => /^(curl|[A-Z]+=)/.test(each))) {
        const filled = fillIn(command, ids, firstRun).replaceAll('http://localhost:3000', instance.url)
        if (!filled.startsWith('curl')) {
          variables.push(filled)
          continue
        }
        const { stdout } = await promisify(execFile)('bash', ['-c', [...variables, filled].join('\n')], {
          cwd: folder,
          timeout: 60_000,
        })
        expect(stdout, command).not.toContain('https://appstrate.dev/errors/')
        for (const { id, prefix } of idsIn(stdout)) ids.set(prefix, id)
        // The next commands list the log and files of the run, so the stream must have shown the run.
        if (command.includes('/realtime/')) expect(stdout).toContain('event: run_update')
      }
    } finally {
      await instance.remove()
      await rm(folder, { recursive: true, force: true })
    }
  })
})

describe('the parser of the guides', () => {
  const page = [
    'Text\n\n```sh\necho 1\n```\n\n```json\n{"a": 1}\n```\n\n```text\nnever\n```\n',
    '```sh\nread line; echo \'{"a": [{"b": "x", "c": null}]}\'\n```\n\nText\n\n```json\n{}\n```\n',
  ].join('\n')

  it('finds sh blocks, with the JSON directly below', () => {
    expect(blocksOf(page)).toMatchObject([
      { script: 'echo 1\n', line: 4, expected: '{"a": 1}\n' },
      { line: 16, expected: undefined },
    ])
  })

  it('runs blocks in one shell, and stops at the first that fails', async () => {
    const where = { environment: { PATH: String(process.env['PATH']) }, cwd: tmpdir(), timeoutMs: 10_000 }
    const blocks = ['X=1', 'echo "$X"', 'false | cat', 'echo never'].map((script, index) => ({
      script,
      line: index,
      expected: undefined,
    }))
    const { code, outputs } = await runBlocks(blocks, where)
    expect([code, outputs.map((output) => output.trim())]).toEqual([1, ['', '1']])
  })

  it('compares shapes', () => {
    const output = '{"id": "run_1", "n": 3, "list": [{"a": 1}, {"a": 2}], "none": null}'
    expect(differences('{"id": "run_…", "n": 1, "list": [{"a": 9}, …], "none": null, …}', output)).toEqual([])
    expect(differences('{"n": …, "list": […]}', output)).toEqual([])
    expect(differences('{"n": "1", "list": [{"b": 9}], "gone": 1, "none": {}}', output)).toEqual([
      '/n is number, not string',
      '/list/0/b is missing',
      '/gone is missing',
      '/none is null, not object',
    ])
    expect(differences('{}', 'no JSON')).toHaveLength(1)
    expect(differences('{"a": {}}', 'first line\n{"a": {}}\n')).toEqual([])
  })
})

/** The commands of a block. A command ends with its line, unless the line ends in a backslash or within quotes. */
function commandsOf(script: string): string[] {
  const commands: string[] = []
  let open = ''
  for (const line of script.split('\n')) {
    open = open === '' ? line : `${open}\n${line}`
    if (line.endsWith('\\') || (open.match(/'/g) ?? []).length % 2 === 1) continue
    if (open.trim() !== '' && !open.startsWith('#')) commands.push(open)
    open = ''
  }
  return commands
}

// Later commands use the agent of the first run, so ids of other agents are ignored.
function idsIn(text: string): { id: string; prefix: string }[] {
  const found = [...text.matchAll(/"id":"(([a-z]+)_[0-9a-z]{26})"/g)]
  return found.map(([, id = '', prefix = '']) => ({ id, prefix })).filter(({ prefix }) => prefix !== 'agent')
}

function fillIn(command: string, ids: ReadonlyMap<string, string>, { email, password }: FirstRun): string {
  const named = command.replaceAll(/\b([a-z]+)_…/g, (shown, prefix: string) => ids.get(prefix) ?? shown)
  return named
    .replace('sk-…', 'sk-not-a-real-key')
    .replace('owner@example.com', email)
    .replace('"password": "…"', `"password": "${password}"`)
}

/** A folder with programs that the guides use and a minimal machine lacks. */
async function ownPrograms(folder: string): Promise<string> {
  const programs = join(folder, 'bin')
  await mkdir(programs)
  const jq = join(programs, 'jq')
  await writeFile(
    jq,
    `#!/bin/sh\nexec '${process.execPath}' '${fileURLToPath(new URL('jq.ts', import.meta.url))}' "$@"\n`,
  )
  await chmod(jq, 0o755)
  return programs
}

function urlOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The receiver does not listen on a port.')
  return `http://127.0.0.1:${address.port}`
}
