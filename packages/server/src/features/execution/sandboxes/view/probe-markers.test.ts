import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { placeMarkers } from './probe-markers.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'appstrate-markers-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const markersIn = (path: string) => readdirSync(path).filter((name) => name.startsWith('.appstrate-probe-'))

describe('the markers of the isolation check', () => {
  it('are files in each directory, looked for under its name and its real path, and are removed', async () => {
    const [real, link] = [join(directory, 'real'), join(directory, 'link')]
    spawnSync('mkdir', [real])
    symlinkSync(real, link)
    const markers = await placeMarkers([{ name: 'DATA_DIR', path: link }])
    const [marker = ''] = markersIn(real)
    const identity = `${statSync(join(real, marker)).dev}:${statSync(join(real, marker)).ino}`
    expect(markers.all).toContainEqual({ name: 'DATA_DIR', path: join(real, marker), identity })
    expect(markers.all).toContainEqual({ name: 'DATA_DIR', path: join(link, marker), identity })
    await markers.assertPresent()
    rmSync(join(real, marker))
    await expect(markers.assertPresent()).rejects.toThrow(marker)
    await markers.remove()
    expect(readdirSync(real)).toEqual([])
  })

  it('of a killed server are removed by the next, those of a running one are kept', async () => {
    const program = `
      import { placeMarkers } from ${JSON.stringify(join(import.meta.dirname, 'probe-markers.ts'))}
      await placeMarkers([{ name: 'DATA_DIR', path: ${JSON.stringify(directory)} }])
      process.kill(process.pid, 'SIGKILL')`
    const argv = ['--input-type=module-typescript', '--no-warnings', '--eval', program]
    expect(spawnSync(process.execPath, argv).signal).toBe('SIGKILL')
    const [left = ''] = markersIn(directory)
    expect(left).not.toBe('')
    writeFileSync(join(directory, `${left}.not-empty`), 'content')
    const first = await placeMarkers([{ name: 'DATA_DIR', path: directory }])
    expect(existsSync(join(directory, left))).toBe(false)
    expect(existsSync(join(directory, `${left}.not-empty`))).toBe(true)
    const second = await placeMarkers([{ name: 'DATA_DIR', path: directory }])
    await first.assertPresent()
    await first.remove()
    await second.remove()
  })

  it('of another pid namespace are removed after an hour', async () => {
    const [fresh, old] = ['.appstrate-probe-1-2-fresh', '.appstrate-probe-1-2-old'].map((name) => join(directory, name))
    writeFileSync(fresh ?? '', '')
    writeFileSync(old ?? '', '')
    const twoHoursAgo = Date.now() / 1000 - 7_200
    utimesSync(old ?? '', twoHoursAgo, twoHoursAgo)
    await (await placeMarkers([{ name: 'HOME', path: directory }])).remove()
    expect(readdirSync(directory)).toEqual(['.appstrate-probe-1-2-fresh'])
  })

  it('are existing entries where none can be written, and a file is its own marker', async () => {
    const { all } = await placeMarkers([
      { name: 'HOME', path: '/proc/self' },
      { name: 'MODEL_PRICES', path: '/etc/passwd' },
      { name: 'MISSING', path: join(directory, 'missing') },
    ])
    expect(all.filter(({ name }) => name === 'HOME').length).toBeGreaterThan(1)
    expect(all.filter(({ name }) => name === 'MODEL_PRICES').map(({ path }) => path)).toEqual(['/etc/passwd'])
    expect(all.filter(({ name }) => name === 'MISSING')).toEqual([])
  })
})
