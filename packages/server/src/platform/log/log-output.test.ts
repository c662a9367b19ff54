import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createLog } from './log.ts'
import { LogOutput } from './log-output.ts'

/** An output with room for some bytes, like a file on a disk or a pipe. */
class Disk {
  text = ''
  room = Number.POSITIVE_INFINITY

  readonly write = (bytes: Buffer): number => {
    if (this.room === 0) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    const count = Math.min(this.room, bytes.length)
    this.text += bytes.subarray(0, count).toString()
    this.room -= count
    return count
  }

  lines(): string[] {
    return this.text.split('\n').filter((line) => line !== '')
  }
}

describe('the output of the log', () => {
  it('writes each line at once', () => {
    const disk = new Disk()
    const output = new LogOutput(disk.write)
    output.write('one\n')
    output.write('two\n')
    expect(disk.lines()).toEqual(['one', 'two'])
    expect([output.isFailing, output.droppedLines]).toEqual([false, 0])
  })

  it('continues a line that was cut by a full disk', async () => {
    const disk = new Disk()
    disk.room = 6
    const output = new LogOutput(disk.write)
    output.write('one\n')
    output.write('two\n')
    output.write('three\n')
    expect([disk.text, output.isFailing]).toEqual(['one\ntw', true])
    disk.room = Number.POSITIVE_INFINITY
    await expect.poll(() => output.isFailing, { timeout: 10_000 }).toBe(false)
    expect(disk.lines()).toEqual(['one', 'two', 'three'])
  })

  it('drops and counts lines when too many wait, and writes their number when there is room', async () => {
    const disk = new Disk()
    disk.room = 0
    const output = new LogOutput(disk.write)
    const line = `${'x'.repeat(9_999)}\n`
    for (let index = 0; index < 300; index += 1) output.write(line)
    expect(output.isFailing).toBe(true)
    expect(output.droppedLines).toBe(300 - Math.floor(1_048_576 / line.length))
    const lost = output.droppedLines
    disk.room = Number.POSITIVE_INFINITY
    await expect.poll(() => output.isFailing, { timeout: 10_000 }).toBe(false)
    output.write('after\n')
    expect(disk.lines()).toHaveLength(300 - lost + 2)
    expect(JSON.parse(disk.lines().at(-2) ?? '')).toMatchObject({ level: 50, lines: lost })
    expect(disk.lines().at(-1)).toBe('after')
    expect(output.droppedLines).toBe(0)
  })

  it('tries again only now and then, so that a failing output costs nothing', async () => {
    let calls = 0
    const output = new LogOutput(() => {
      calls += 1
      throw new Error('EPIPE')
    })
    const log = createLog('info', output)
    for (let index = 0; index < 20_000; index += 1) log.info('nobody reads this')
    expect(calls).toBe(1)
    await sleep(500)
    expect(calls).toBeLessThan(10)
    output.close()
  })
})
