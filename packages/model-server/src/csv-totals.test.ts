import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

const script = readFileSync(fileURLToPath(new URL('../scenarios/csv-totals.sh', import.meta.url)), 'utf8')
const root = mkdtempSync(join(tmpdir(), 'csv-totals-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folders = 0

function run(content: string | Buffer | undefined, name = 'data.csv') {
  const folder = join(root, String((folders += 1)))
  const env = { PATH: '/usr/bin:/bin', INPUT_DIR: join(folder, 'input'), OUTPUT_DIR: join(folder, 'output') }
  mkdirSync(env.INPUT_DIR, { recursive: true })
  if (content !== undefined) writeFileSync(join(env.INPUT_DIR, name), content)
  const { stdout, stderr, status } = spawnSync('sh', ['-c', script], { env, encoding: 'utf8' })
  const written = join(env.OUTPUT_DIR, 'totals.json')
  const answer: Record<string, unknown> = JSON.parse(stdout)
  return {
    answer,
    lines: stdout.trim().split('\n').length,
    stderr,
    status,
    written: existsSync(written) ? readFileSync(written, 'utf8') : undefined,
    stdout,
  }
}

function totals(content: string) {
  const { answer, status, stderr } = run(content)
  expect({ status, stderr, error: answer['error'] }).toEqual({ status: 0, stderr: '', error: undefined })
  return answer['totals']
}

describe('totals of a CSV', () => {
  test('prints one line of JSON and writes the same to the output folder', () => {
    const { answer, lines, written, stdout } = run('region,amount\nnorth,10.25\nsouth,5\n', 'sales 2026 "q1".csv')
    expect(answer).toEqual({
      file: 'sales 2026 "q1".csv',
      rows: 2,
      columns: ['region', 'amount'],
      totals: { amount: '15.25' },
    })
    expect(lines).toBe(1)
    expect(written).toBe(stdout)
  })

  test('parses a byte order mark, CRLF, empty lines, and fields with quotes, commas and line breaks', () => {
    const { answer } = run(
      '\uFEFF"name, full",amount\r\n"Smith, ""J""",1.5\r\n\r\n"two\nlines",-0.25\r\n   \r\nÄöü 漢字,3\r\n',
    )
    expect(answer).toMatchObject({ rows: 3, columns: ['name, full', 'amount'], totals: { amount: '4.25' } })
  })

  test('is exact where floating point is not', () => {
    expect(totals('a\n0.1\n0.2\n')).toEqual({ a: '0.3' })
    expect(totals('a,b\n-1000000000000000000000.305,9999999\n0.3,1\n')).toEqual({
      a: '-1000000000000000000000.005',
      b: '10000000',
    })
    expect(totals('a\n1.10\n-1.1\n')).toEqual({ a: '0.00' })
    expect(totals('a,b\n-0.5,+3.\n-.50,\n')).toEqual({ a: '-1.00', b: '3' })
    expect(totals('a\n0.0000000000000001\n-1\n')).toEqual({ a: '-0.9999999999999999' })
  })

  test('agrees with integer arithmetic on random numbers', () => {
    let seed = 42
    const next = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below
    const cells = Array.from(
      { length: 2_000 },
      () => (next(2) === 0 ? -1n : 1n) * BigInt(next(2_000_000_000)) * BigInt(next(2_000_000_000)),
    )
    const asDecimal = (units: bigint) => {
      const digits = (units < 0n ? -units : units).toString().padStart(10, '0')
      return `${units < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`
    }
    const sum = cells.reduce((total, cell) => total + cell, 0n)
    expect(totals(`key,value\n${cells.map((cell) => `x,${asDecimal(cell)}`).join('\n')}\n`)).toEqual({
      value: asDecimal(sum),
    })
  })

  test('omits columns of words and cells without a value', () => {
    expect(totals('id,note,price,when\n1,x,2.50,2026-01-01\n2,3,,2026-01-02\n')).toEqual({ id: '3', price: '2.50' })
    expect(totals('what,price\na,"1,234.50"\nb,0.5\n')).toEqual({ price: '1235.00' })
  })

  test('accepts semicolons and tabs, years as headers, duplicate and missing names', () => {
    expect(totals('a;b\n1;x\n2;y\n')).toEqual({ a: '3' })
    expect(totals('a\tb\n1\t2\n')).toEqual({ a: '1', b: '2' })
    expect(totals('region,2025,2026\nn,1,2\n')).toEqual({ '2025': '1', '2026': '2' })
    expect(totals('a,a,\n1,2,3\n')).toEqual({ a: '1', a_2: '2', column_3: '3' })
  })

  test('a header alone has no rows and no totals', () => {
    expect(run('a,b\n').answer).toMatchObject({ rows: 0, totals: {} })
  })

  const notCsv: [string, string | Buffer | undefined][] = [
    ['no file', undefined],
    ['an empty file', ''],
    ['an image', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0])],
    ['UTF-16', Buffer.from('a,b\n1,2\n', 'utf16le')],
    ['Latin-1', Buffer.from('größe,b\n1,2\n', 'latin1')],
    ['prose', 'Dear all,\nthis is a letter.\nRegards\n'],
    ['one line of prose', 'hello\n'],
    ['JSON', '{"a": 1, "b": 2}\n'],
    ['no header', 'widget,3,4.50\ngadget,1,2.00\n'],
    ['rows of different length', 'a,b\n1,2\n3\n'],
    ['a quote that is never closed', 'a,b\n"x,1\ny,2\n'],
    ['blank lines', '\n\n'],
  ]
  test.each(notCsv)('reports an error when there is no CSV: %s', (_, content) => {
    const { answer, status, written, stderr } = run(content)
    expect(Object.keys(answer)).toEqual(['error'])
    expect({ status, written, stderr }).toEqual({ status: 1, written: undefined, stderr: '' })
  })

  test('adds up 100,000 rows', () => {
    const rows = Array.from({ length: 100_000 }, (_, index) => `${index},"n, ${index}",0.01`)
    expect(totals(`id,name,amount\n${rows.join('\n')}\n`)).toEqual({ id: '4999950000', amount: '1000.00' })
  }, 120_000)
})
