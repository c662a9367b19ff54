import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, type Body, type Client } from './client.ts'
import { createInstance, type FirstRun, type Instance } from './server-process.ts'

const run = promisify(execFile)

describe('the first run', () => {
  let instance: Instance
  let firstRun: FirstRun
  let client: Client
  beforeAll(async () => {
    // The demo's model is on loopback. It must work where users may not name such addresses.
    instance = await createInstance({ ALLOW_PRIVATE_ADDRESSES: 'false' })
    firstRun = await instance.start()
    client = createClient(instance.url, firstRun)
  }, 150_000)
  afterAll(() => instance.remove())

  const totalsOf = async (name: string, csv: string): Promise<Body> => {
    const file = await client.upload(name, csv)
    const started = await client.send(
      'POST /api/runs',
      { agentId: firstRun.agentId, files: [file] },
      { prefer: 'wait=30' },
    )
    return started.status === 200 ? started.body : client.ended(started.body.id)
  }

  it('keeps its credentials in a file that only the server can read', async () => {
    const path = join(instance.dataDir, 'first-run.json')
    expect(Object.keys(JSON.parse(await readFile(path, 'utf8')))).toEqual([
      'url',
      'email',
      'password',
      'orgId',
      'appId',
      'apiKey',
      'agentId',
    ])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(instance.dataDir, 'secrets.json'))).mode & 0o777).toBe(0o600)
  })

  it('prints no credentials into a log', () => {
    expect(instance.output()).toContain(`The credentials of the first run are in ${instance.dataDir}`)
    for (const secret of [firstRun.password, firstRun.apiKey]) expect(instance.output()).not.toContain(secret)
  })

  it('prints commands that work as pasted, down to the totals of the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'appstrate-paste-'))
    const printed = await runProgram('print-first-run.ts', { DATA_DIR: instance.dataDir })
    const lines = printed.stdout.split('\n').filter((line) => /^(URL=|printf|FILE=|RUN=|curl)/.test(line))
    expect(lines).toHaveLength(6)
    const { stdout } = await run('bash', ['-c', lines.join('\n')], { cwd: folder, timeout: 120_000 })
    await rm(folder, { recursive: true })
    expect(stdout).toContain('event: run_update')
    expect(stdout).toContain('event: run_log')
    const result: Body = JSON.parse(stdout.slice(stdout.lastIndexOf('{"id":"run_')))
    expect(result).toMatchObject({
      status: 'success',
      output: { file: 'sales.csv', rows: 3, totals: { quantity: '7', amount: '25.94' } },
    })
  }, 150_000)

  it('adds up an unknown file exactly', async () => {
    const cents = Array.from({ length: 500 }, (_value, index) => BigInt((index * 7919) % 100_000) - 20_000n)
    const show = (value: bigint) => {
      const amount = value < 0n ? -value : value
      return `${value < 0n ? '-' : ''}${amount / 100n}.${String(amount % 100n).padStart(2, '0')}`
    }
    const rows = cents.map((value, index) => `"row ${index}, ""quoted""",${show(value)},${index}`)
    const body = await totalsOf('never seen.csv', `\uFEFFname,price,count\r\n${rows.join('\r\n')}\r\n`)
    expect(body, JSON.stringify(body)).toMatchObject({ status: 'success', output: { rows: 500 } })
    expect(body.output.totals).toEqual({
      price: show(cents.reduce((sum, value) => sum + value, 0n)),
      count: String((499 * 500) / 2),
    })
    const { data } = (await client.send(`GET /api/runs/${body.id}/files`)).body
    expect(data.map((file: Body) => file.name)).toEqual(['totals.json'])
    const content = await client.send(`GET /api/files/${data[0].id}/content`)
    expect(content.body.totals).toEqual(body.output.totals)
  }, 150_000)

  it.each([
    ['an image', `\u0089PNG\r\n\u001a\n${'\0'.repeat(50)}`],
    ['an empty file', ''],
    ['text without columns', 'dear all,\nthis is not a table\n\nyours, x, y, z'],
  ])(
    'says what is wrong with a CSV file that contains %s',
    async (_what, content) => {
      const body = await totalsOf('broken.csv', content)
      expect(body.status).toBe('failed')
      expect(body.error.code).toBe('output-missing')
      expect(body.error.message).toMatch(/can't|cannot|could not/i)
      expect(body.output).toBeNull()
    },
    150_000,
  )

  it('shows a page with links at /', async () => {
    const response = await fetch(instance.url)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const page = await response.text()
    for (const link of ['/api/docs', '/api/openapi.json', '/health', '/ready']) expect(page).toContain(`href="${link}"`)
  })

  it('still works with the same credentials after a restart', async () => {
    await instance.stop()
    expect(await instance.start()).toEqual(firstRun)
    const body = await totalsOf('again.csv', 'a,b\n1,2\n3,4\n')
    expect(body, JSON.stringify(body)).toMatchObject({ status: 'success', output: { totals: { a: '4', b: '6' } } })
  }, 150_000)

  it('does not start without its secrets or with damaged ones, says so in one line, and starts with them', async () => {
    await instance.stop()
    const path = join(instance.dataDir, 'secrets.json')
    const content = await readFile(path, 'utf8')
    const refusal = async () => {
      const { code, stderr } = await startOnce({ DATA_DIR: instance.dataDir, PORT: '0' })
      expect([code, stderr.trim().split('\n')]).toEqual([1, [expect.stringMatching(/^appstrate: .*secrets\.json/)]])
      return stderr
    }
    await rm(path)
    expect(await refusal()).toContain('is missing')
    await writeFile(path, content.slice(0, content.length / 2))
    expect(await refusal()).toContain('is damaged')
    const other = { ...JSON.parse(content), encryptionKeys: `1:${Buffer.alloc(32, 9).toString('base64')}` }
    await writeFile(path, JSON.stringify(other))
    expect(await refusal()).toContain('is not the one that this database was used with')
    await writeFile(path, content)
    await writeFile(join(instance.dataDir, 'first-run.json'), '{"url":')
    await instance.start().catch(() => undefined)
    expect(instance.output()).toContain('first-run.json is damaged')
    expect(instance.output()).not.toMatch(/^ +at /m)
    await writeFile(join(instance.dataDir, 'first-run.json'), JSON.stringify(firstRun))
  }, 300_000)

  it('refuses a second server on the same directory and port, in one line', async () => {
    const { code, stderr } = await startOnce({ DATA_DIR: instance.dataDir, PORT: '0' })
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(/^appstrate: .*DATA_DIR/)
    expect((await fetch(`${instance.url}/ready`)).status).toBe(200)
  }, 150_000)

  it('reports that its port is in use', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'appstrate-port-'))
    const { code, stderr } = await startOnce({ DATA_DIR: dataDir, PORT: new URL(instance.url).port })
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^appstrate: Port \d+ of .* is in use/m)
  }, 150_000)

  it('lists every mistake in the configuration, without repeating a secret', async () => {
    const { code, stderr } = await startOnce({
      PORT: 'x',
      ROLE: 'both',
      DATABASE_URL: 'mysql://u:topsecret@h/d',
      ENCRYPTION_KEYS: 'topsecret',
    })
    expect(code).toBe(1)
    expect(
      stderr
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[1]),
    ).toEqual(expect.arrayContaining(['PORT', 'ROLE', 'DATABASE_URL', 'ENCRYPTION_KEYS']))
    expect(stderr).not.toContain('topsecret')
  }, 150_000)

  it('refuses a data directory that is a file', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'appstrate-file-')), 'data')
    await writeFile(path, '')
    const { code, stderr } = await startOnce({ DATA_DIR: path })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^appstrate: /)
  }, 150_000)
})

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function startOnce(environment: Record<string, string>): Promise<Ended> {
  return runProgram('all-in-one.ts', environment)
}

async function runProgram(name: string, environment: Record<string, string>): Promise<Ended> {
  const program = new URL(`../packages/server/src/processes/${name}`, import.meta.url).pathname
  const env = { PATH: process.env['PATH'], LOG_LEVEL: 'warn', ...environment }
  return run(process.execPath, [program], { env, timeout: 120_000 }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }),
  )
}
