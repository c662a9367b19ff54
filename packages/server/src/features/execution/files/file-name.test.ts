import { describe, expect, it } from 'vitest'
import { attachment, baseName, namesInOneFolder, sanitizeName, sanitizePath } from './file-name.ts'

describe('the name of an upload', () => {
  it.each([
    ['sales.csv', 'sales.csv'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\sales.csv', 'sales.csv'],
    ['a\u0000b\r\nc\u007f\u0085.txt', 'abc.txt'],
    ['gpj.\u202eexe', 'gpj.exe'],
    ['Übersicht 2026 – «Müller».csv', 'Übersicht 2026 – «Müller».csv'],
    ['👩‍👩‍👧.png', '👩‍👩‍👧.png'],
    ['bad\ud800half.txt', 'bad\ufffdhalf.txt'],
    ['', 'file'],
    ['.', 'file'],
    ['..', 'file'],
    ['a/..', 'file'],
    ['\u0000', 'file'],
    ['.env', '.env'],
  ])('%j is kept as %j', (given, kept) => expect(sanitizeName(given)).toBe(kept))

  it('has at most 255 bytes of UTF-8, whole characters, and its extension', () => {
    const kept = sanitizeName(`${'é'.repeat(300)}.csv`)
    expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(255)
    expect(kept).toMatch(/^é{125}\.csv$/)
    expect(sanitizeName(`${'🦊'.repeat(100)}`)).toBe('🦊'.repeat(63))
    expect(Buffer.byteLength(sanitizeName(`a.${'x'.repeat(400)}`))).toBe(255)
  })
})

describe('the path of a run’s file', () => {
  it.each([
    ['report.md', 'report.md'],
    ['charts/2026/a.png', 'charts/2026/a.png'],
    ['../../../etc/passwd', 'etc/passwd'],
    ['/absolute//x/./y', 'absolute/x/y'],
    ['a/../b', 'a/b'],
    ['..', 'file'],
    ['dir\\name.txt', 'name.txt'],
  ])('%j is kept as %j', (given, kept) => expect(sanitizePath(given)).toBe(kept))

  it('has at most 1,024 bytes, and keeps its end', () => {
    const kept = sanitizePath(`${'d'.repeat(200)}/`.repeat(10) + 'last.txt')
    expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(1_024)
    expect(baseName(kept)).toBe('last.txt')
  })
})

describe('the names of files in one folder', () => {
  it('are distinct base names', () => {
    expect(
      namesInOneFolder(['a.csv', 'a_1.csv', 'a.csv', 'charts/a.csv', 'b', 'x/b', 'b/a.csv', '.env', 'y/.env']),
    ).toEqual(['a.csv', 'a_1.csv', 'a_2.csv', 'a_3.csv', 'b', 'b_1', 'a_4.csv', '.env', '.env_1'])
  })

  it('stay within 255 bytes, even if they are long and almost equal', () => {
    for (const name of [`${'x'.repeat(251)}.csv`, 'ü'.repeat(200), `a.${'x'.repeat(253)}`]) {
      const names = namesInOneFolder(Array.from({ length: 12 }, () => name))
      expect(new Set(names).size).toBe(12)
      for (const each of names) expect(Buffer.byteLength(each)).toBeLessThanOrEqual(255)
    }
  })
})

describe('Content-Disposition', () => {
  it.each([
    ['plain.csv', `attachment; filename="plain.csv"; filename*=UTF-8''plain.csv`],
    ['a "b" \\ 50%.txt', `attachment; filename="a _b_ _ 50_.txt"; filename*=UTF-8''a%20%22b%22%20%5C%2050%25.txt`],
    ["€ (rates)'*.csv", `attachment; filename="_ (rates)'*.csv"; filename*=UTF-8''%E2%82%AC%20%28rates%29%27%2A.csv`],
    ['👍', `attachment; filename="_"; filename*=UTF-8''%F0%9F%91%8D`],
  ])('of %j', (name, header) => expect(attachment(name)).toBe(header))
})
