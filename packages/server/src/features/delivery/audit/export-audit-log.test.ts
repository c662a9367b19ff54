import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { eventually } from '../../../testing/factories/run-world.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { exportAuditLog } from './export-audit-log.ts'
import { auditWorld, chainAll, givenChain, writeEntries, writeMany } from './testing/audit-tests.ts'

describeEndpoint(exportAuditLog, { as: 'session', given: async () => undefined, call: () => ({}), world: auditWorld })

const verifier = fileURLToPath(new URL('../../../../../../scripts/verify-audit-log.mjs', import.meta.url))
const zeros = '0'.repeat(64)

describe('an export of the audit log', () => {
  let world: World
  let folder: string
  beforeAll(async () => {
    world = await openWorld(auditWorld)
    folder = await mkdtemp(join(tmpdir(), 'appstrate-export-'))
  })
  afterAll(async () => {
    await world.close()
    await rm(folder, { recursive: true })
  })

  /** Runs the offline verifier as an auditor would, with only the file. */
  const check = async (text: string, ...args: string[]) => {
    const file = join(folder, 'export.jsonl')
    await writeFile(file, text)
    return new Promise<{ code: number; out: string }>((resolve) => {
      execFile(process.execPath, [verifier, file, ...args], { env: {}, cwd: folder }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout + stderr }),
      )
    })
  }
  const given = async (count: number) => {
    const { tenant, send } = await givenChain(world, count)
    return { tenant, send, exported: (await send('GET /api/audit-log/export')).text }
  }

  it('has every chained entry as a line, oldest first, with everything that its hash covers', async () => {
    const { tenant, send } = await givenChain(world, 2)
    await writeEntries(world, tenant, [{ resourceId: 'not chained yet' }])
    const answer = await send('GET /api/audit-log/export')
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="audit-log.jsonl"')
    const lines = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toEqual([
      {
        id: expect.stringMatching(/^aud_/),
        seq: 1,
        organizationId: tenant.orgId,
        applicationId: tenant.appId,
        action: 'test.made',
        actor: { kind: 'system', part: 'tests' },
        resourceId: 'thing_1',
        changes: { n: { before: 0, after: 1 } },
        requestId: null,
        method: null,
        path: null,
        ip: null,
        userAgent: null,
        createdAt: expect.any(String),
        previousHash: zeros,
        hash: lines[0].hash,
      },
      expect.objectContaining({ seq: 2, resourceId: 'thing_2', previousHash: lines[0].hash }),
    ])
    expect((await (await (await world.tenant()).session()).send('GET /api/audit-log/export')).text).toBe('')
  })

  it('passes the offline verifier with the head that the server reports', async () => {
    const { send, exported } = await given(5)
    const { head } = (await send('GET /api/audit-log/verify')).body
    expect(await check(exported)).toMatchObject({ code: 0, out: expect.stringContaining(`VALID: entries 1 to 5 (5)`) })
    const withHead = await check(exported, '--head', `${head.seq}:${head.hash}`)
    expect(withHead.code).toBe(0)
    expect(withHead.out).toContain(`Head ${head.seq}:${head.hash}`)
    expect((await check('')).code).toBe(0)
  })

  const change = (lines: string[], at: number, to: (entry: Record<string, unknown>) => Record<string, unknown>) =>
    lines.map((line, n) => (n === at ? JSON.stringify(to(JSON.parse(line))) : line))
  const attacks: [string, (lines: string[]) => string[], string][] = [
    [
      'a changed value',
      (lines) => change(lines, 2, (entry) => ({ ...entry, changes: { n: { before: 2, after: 4 } } })),
      'entry 3 was changed',
    ],
    ['an added field', (lines) => change(lines, 2, (entry) => ({ ...entry, note: 1 })), 'entry 3 was changed'],
    ['a removed entry', (lines) => lines.toSpliced(2, 1), 'entry 3 is missing'],
    ['several removed entries', (lines) => lines.toSpliced(1, 2), 'entry 2 is missing, and all up to entry 3'],
    ['two swapped entries', (lines) => lines.with(2, lines[3] ?? '').with(3, lines[2] ?? ''), 'out of order'],
    ['a duplicated entry', (lines) => lines.toSpliced(2, 0, lines[2] ?? ''), 'out of order'],
    ['a cut-off line', (lines) => lines.with(4, (lines[4] ?? '').slice(0, 100)), 'line 5 is not an entry'],
    [
      'an entry of another chain',
      (lines) => change(lines, 3, (entry) => ({ ...entry, previousHash: 'a'.repeat(64) })),
      'entry 4',
    ],
  ]
  it.each(attacks)('fails the offline verifier with %s', async (_what, attack, expected) => {
    const { exported } = await given(5)
    const { code, out } = await check(`${attack(exported.trimEnd().split('\n')).join('\n')}\n`)
    expect(code).toBe(1)
    expect(out).toContain(expected)
    expect(out).toContain('INVALID')
  })

  it('that was cut off or rewritten from the beginning is detected only by the archived head', async () => {
    const { exported, send } = await given(5)
    const { head } = (await send('GET /api/audit-log/verify')).body
    const short = exported.trimEnd().split('\n').slice(0, 3).join('\n')
    expect((await check(short)).code).toBe(0)
    expect(await check(short, '--head', `${head.seq}:${head.hash}`)).toMatchObject({
      code: 1,
      out: expect.stringContaining('the export ends with entry 3'),
    })
    const other = (await given(5)).exported
    expect(await check(other, '--head', `${head.seq}:${head.hash}`)).toMatchObject({
      code: 1,
      out: expect.stringContaining('has another hash than the head'),
    })
  })

  it('makes the verifier exit with 2 when it is called wrongly or the file is missing', async () => {
    expect((await check('', '--head', 'nonsense')).code).toBe(2)
    await expect(
      new Promise((resolve) =>
        execFile(process.execPath, [verifier, join(folder, 'none.jsonl')], (error) => resolve(error?.code)),
      ),
    ).resolves.toBe(2)
  })

  it('of a time range has an unbroken part of the chain, which passes the verifier', async () => {
    const { tenant, send } = await givenChain(world, 0)
    await writeMany(world, tenant, { count: 600 })
    await chainAll(world)
    await sql`
      update audit_log set created_at = '2026-01-01T00:00:00Z'::timestamptz + seq * interval '10 minutes'
      where organization_id = ${tenant.organizationId}`.execute(world.platform.db)
    const seqs = async (query: Record<string, string>) =>
      (await send('GET /api/audit-log/export', { query })).text
        .split('\n')
        .filter((line) => line !== '')
        .map((line): number => JSON.parse(line).seq)
    const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, n) => from + n)
    expect(await seqs({ since: '2026-01-02T00:00:00Z', until: '2026-01-03T00:00:00Z' })).toEqual(range(144, 287))
    expect(await seqs({ since: '2026-01-04T00:00:00Z' })).toEqual(range(432, 600))
    expect(await seqs({ until: '2026-01-01T01:00:00Z' })).toEqual(range(1, 5))
    expect(await seqs({ since: '2027-01-01T00:00:00Z' })).toEqual([])
    expect(await seqs({ until: '2020-01-01T00:00:00Z' })).toEqual([])
  })

  it('that begins in the middle is verified from there on', async () => {
    const { tenant, send } = await givenChain(world, 3)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const since = new Date().toISOString()
    await writeEntries(world, tenant, [{ resourceId: 'later' }, { resourceId: 'last' }])
    await chainAll(world)
    const { text } = await send('GET /api/audit-log/export', { query: { since } })
    expect(await check(text)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/entries 4 to 5 \(2\)[^]*begins with entry 4/),
    })
  })

  /** A client that asks for an export and does not read it. */
  const slowClient = async (of: World) => {
    const tenant = await of.tenant()
    await writeMany(of, tenant, { count: 5_000, characters: 8_000 })
    await chainAll(of)
    const { cookie } = await tenant.session()
    const target = new URL(of.url)
    const socket = connect(Number(target.port), target.hostname)
    socket.pause()
    socket.write(
      `GET /api/audit-log/export HTTP/1.1\r\nhost: ${target.host}\r\ncookie: ${cookie}\r\n` +
        `x-org-id: ${tenant.orgId}\r\nconnection: close\r\n\r\n`,
    )
    const readAll = async () => {
      let [bytes, end] = [0, '']
      socket.on('error', () => undefined)
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        end = chunk.subarray(-10).toString()
      })
      socket.resume()
      await new Promise((resolve) => socket.on('close', resolve))
      return { bytes, isWhole: end.endsWith('0\r\n\r\n') }
    }
    return readAll
  }
  /** Resolves when the database has not been read for a second. */
  const standstill = (reads: () => number) => {
    let [before, since] = [-1, Date.now()]
    return eventually(async () => {
      if (reads() !== before) [before, since] = [reads(), Date.now()]
      return reads() > 3 && Date.now() - since > 1_000 ? true : undefined
    }, 30_000)
  }

  it('is read from the database no faster than the client reads it', async () => {
    const readAll = await slowClient(world)
    let reads = 0
    world.platform.database.pool.on('acquire', () => (reads += 1))
    // The server reads until the buffers of the operating system are full, then stops.
    await standstill(() => reads)
    expect(reads).toBeLessThan(20)
    const { bytes, isWhole } = await readAll()
    expect([bytes > 5_000 * 8_000, isWhole]).toEqual([true, true])
    expect(reads).toBeGreaterThanOrEqual(25)
  }, 90_000)

  it('does not keep the server from stopping, and then ends with an error for the client', async () => {
    const stopped = await openWorld(auditWorld)
    const readAll = await slowClient(stopped)
    let reads = 0
    stopped.platform.database.pool.on('acquire', () => (reads += 1))
    await standstill(() => reads)
    await stopped.close()
    expect(await readAll()).toMatchObject({ isWhole: false })
  }, 90_000)

  it.each([{ since: 'yesterday' }, { until: '2016-12-31T23:59:60Z' }, { unknown: 'x' }])(
    'refuses %j',
    async (query: Record<string, string>) => {
      const { send } = await (await world.tenant()).session()
      expectProblem(exportAuditLog, await send('GET /api/audit-log/export', { query }), 'validation-error')
    },
  )
})
