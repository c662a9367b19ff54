import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findCovers } from './covers.ts'
import { parseMounts, readMounts, type Mount } from './mounts.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'appstrate-covers-'))
  for (const name of ['lib', 'lib/app', 'lib/app/data', 'lib/app/data/deep', 'elsewhere', 'elsewhere/home'])
    mkdirSync(join(root, name))
  writeFileSync(join(root, 'lib/prices.json'), '')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function coversOf(
  hidden: readonly string[],
  canEnter: (directory: string) => boolean = () => true,
  mounts: readonly Mount[] = [],
) {
  const candidates = [
    { source: join(root, 'lib'), path: '/usr/lib', isDirectory: true, isRequired: true },
    { source: join(root, 'elsewhere'), path: '/usr/share/linked', isDirectory: true, isRequired: false },
  ]
  const paths = hidden.map((name) => join(root, name))
  const { binds, covers } = findCovers(candidates, { hidden: paths, mounts: [...readMounts(), ...mounts], canEnter })
  return { binds: binds.map(({ path }) => path), covers }
}

const both = ['/usr/lib', '/usr/share/linked']

describe('the covers over hidden paths', () => {
  it('lie where the sandbox sees the real path, and only the outermost is needed', () => {
    symlinkSync(join(root, 'elsewhere/home'), join(root, 'home'))
    expect(coversOf(['lib/app/data/deep', 'lib/app/data', 'lib/prices.json', 'home', 'missing'])).toEqual({
      binds: both,
      covers: [
        { path: '/usr/lib/app/data', isDirectory: true },
        { path: '/usr/lib/prices.json', isDirectory: false },
        { path: '/usr/share/linked/home', isDirectory: true },
      ],
    })
  })

  it('replace a bind at a hidden path, and ignore a hidden path above all binds', () => {
    expect(coversOf(['lib', ''])).toEqual({ binds: ['/usr/share/linked'], covers: [] })
  })

  it('lie on the first directory that the user in the sandbox cannot enter', () => {
    chmodSync(join(root, 'lib/app'), 0o700)
    const covers = [{ path: '/usr/lib/app', isDirectory: true }]
    expect(coversOf(['lib/app/data/deep'], (path) => path !== join(root, 'lib/app'))).toEqual({ binds: both, covers })
  })

  it('lie on mount points, and a bind that is a volume itself is left out', () => {
    const mountOn = (name: string) => ({ device: '0:99', root: '/', mountPoint: join(root, name) })
    expect(coversOf([], undefined, [mountOn('lib'), mountOn('lib/app'), mountOn('elsewhere')])).toEqual({
      binds: ['/usr/lib'],
      covers: [{ path: '/usr/lib/app', isDirectory: true }],
    })
  })
})

describe('the list of mounts', () => {
  it('has paths with blanks and backslashes', () => {
    const mountinfo =
      '1 2 0:3 / / rw - ext4 /dev/vda rw\n4 1 0:5 /x /usr/lib/a\\040b\\134c ro master:1 - tmpfs none rw\n'
    expect(parseMounts(mountinfo)).toEqual([
      { device: '0:3', root: '/', mountPoint: '/' },
      { device: '0:5', root: '/x', mountPoint: '/usr/lib/a b\\c' },
    ])
  })
})
