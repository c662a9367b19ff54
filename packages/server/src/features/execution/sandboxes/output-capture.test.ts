import { describe, expect, test } from 'vitest'
import { OutputCapture } from './output-capture.ts'

function capture(bytesMax: number, chunks: readonly (string | Buffer)[]): OutputCapture {
  const result = new OutputCapture(bytesMax)
  for (const chunk of chunks) result.push(Buffer.from(chunk))
  return result
}

describe('a captured output', () => {
  test('keeps everything up to the limit, to the byte', () => {
    const exact = capture(10, ['01234', '56', '789'])
    expect([exact.text(), exact.truncated]).toEqual(['0123456789', false])
  })

  test('beyond the limit, keeps the start and the end and reports how much is missing', () => {
    const cut = capture(10, ['01234', '56789', 'abcde', 'vwxyz'])
    expect([cut.text(), cut.truncated]).toEqual(['01234\n[… 10 bytes omitted …]\nvwxyz', true])
  })

  test('cuts no character in two, at any boundary', () => {
    for (let bytesMax = 8; bytesMax < 24; bytesMax += 1) {
      const text = capture(bytesMax, ['aé€😀'.repeat(20)]).text()
      expect(text).not.toContain('\ufffd')
    }
  })

  test('replaces bytes that are not UTF-8, and does not drop them', () => {
    expect(capture(100, [Buffer.from([0x61, 0xff, 0x62])]).text()).toBe('a\ufffdb')
  })

  test('keeps the right end in bounded memory over a long stream of odd chunks', () => {
    const result = new OutputCapture(1_000)
    const line = Buffer.from('0123456789'.repeat(701))
    for (let n = 0; n < 2_000; n += 1) result.push(line)
    result.push(Buffer.from('the end'))
    expect(result.text().endsWith('0123456789the end')).toBe(true)
    expect(result.text().length).toBeLessThan(1_100)
  })

  test('keeps nothing with a limit of 0', () => {
    const none = capture(0, ['abc'])
    expect(none.truncated).toBe(true)
    expect(none.text()).toBe('\n[… 3 bytes omitted …]\n')
  })
})
