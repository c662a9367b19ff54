import { describe, expect, test } from 'vitest'
import { OutputCapture } from './output-capture.ts'

function capture(bytesMax: number, chunks: readonly (string | Buffer)[]): OutputCapture {
  const result = new OutputCapture(bytesMax)
  for (const chunk of chunks) result.push(Buffer.from(chunk))
  return result
}

describe('what is kept of an output', () => {
  test('everything up to the limit, to the byte', () => {
    const exact = capture(10, ['01234', '56', '789'])
    expect([exact.text(), exact.truncated]).toEqual(['0123456789', false])
  })

  test('the first and the last half beyond it, and how much is missing', () => {
    const cut = capture(10, ['01234', '56789', 'abcde', 'vwxyz'])
    expect([cut.text(), cut.truncated]).toEqual(['01234\n[… 10 bytes omitted …]\nvwxyz', true])
  })

  test('no character is cut in two, at any boundary', () => {
    for (let bytesMax = 8; bytesMax < 24; bytesMax += 1) {
      const text = capture(bytesMax, ['aé€😀'.repeat(20)]).text()
      expect(text).not.toContain('\ufffd')
    }
  })

  test('bytes that are not UTF-8 are replaced, not lost', () => {
    expect(capture(100, [Buffer.from([0x61, 0xff, 0x62])]).text()).toBe('a\ufffdb')
  })

  test('the tail is right and memory stays bounded over a long stream of odd chunks', () => {
    const result = new OutputCapture(1_000)
    const line = Buffer.from('0123456789'.repeat(701))
    for (let n = 0; n < 2_000; n += 1) result.push(line)
    result.push(Buffer.from('the end'))
    expect(result.text().endsWith('0123456789the end')).toBe(true)
    expect(result.text().length).toBeLessThan(1_100)
  })

  test('a limit of nothing keeps nothing', () => {
    const none = capture(0, ['abc'])
    expect(none.truncated).toBe(true)
    expect(none.text()).toBe('\n[… 3 bytes omitted …]\n')
  })
})
