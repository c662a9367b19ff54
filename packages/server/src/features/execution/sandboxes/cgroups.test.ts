import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findCandidates, moveIntoChild } from './cgroups.ts'
import { SandboxError } from './sandbox.ts'

const unified = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => {
  try {
    accessSync(join(path, 'cgroup.procs'), constants.W_OK)
    accessSync(join(path, 'cgroup.controllers'))
    return true
  } catch {
    return false
  }
})

describe('the places for control groups', () => {
  const v2 = '30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n'
  const placesOf = (mountinfo: string, membership: string) =>
    findCandidates(mountinfo, membership).map(({ host, mayMove }) => [...host.parents, mayMove])

  test('are its own group, the root, and the group around it, where processes move only as the last resort', () => {
    // A path that does not exist is taken for one outside of what is mounted.
    expect(placesOf(v2.replace('/sys/fs/cgroup', '/usr'), '0::/bin\n')).toEqual([
      ['/usr/bin', false],
      ['/usr', false],
      ['/usr/bin', true],
    ])
    expect(placesOf(v2.replace('/sys/fs/cgroup', '/usr'), '0::/local/bin\n')).toEqual([
      ['/usr/local/bin', false],
      ['/usr', false],
      ['/usr/local', false],
      ['/usr/local/bin', true],
    ])
  })

  test('are those of v1 where it has the controllers, and none without hierarchies', () => {
    const v1 = ['memory', 'pids', 'cpu'].map((name) => `31 24 0:27 / /usr rw - cgroup cgroup rw,${name}\n`)
    expect(placesOf(v2 + v1.join(''), '4:memory:/bin\n3:pids:/bin\n2:cpu:/bin\n')).toEqual([['/usr/bin', false]])
    expect(placesOf('', '')).toEqual([])
  })
})

describe.skipIf(unified === undefined)('a delegated group', { timeout: 60_000 }, () => {
  const held = async (group: string) =>
    (await readFile(join(group, 'cgroup.procs'), 'utf8')).split('\n').filter((line) => line !== '')

  test('is emptied into a child group, unless it has processes of others', async () => {
    const group = join(unified ?? '', `appstrate-test-${process.pid}`)
    await mkdir(group)
    const programs = [spawn('sleep', ['600']), spawn('sleep', ['600'])]
    const ends = programs.map((program) => once(program, 'exit'))
    const [first = 0, second = 0] = programs.map(({ pid }) => pid)
    try {
      for (const pid of [first, second]) await writeFile(join(group, 'cgroup.procs'), String(pid))
      await expect(moveIntoChild(group, first)).rejects.toThrow(SandboxError)
      expect((await held(group)).sort()).toEqual([String(first), String(second)].sort())
      await moveIntoChild(group, process.pid)
      expect(await held(group)).toEqual([])
      expect((await held(join(group, 'appstrate-server'))).length).toBe(2)
    } finally {
      for (const program of programs) program.kill('SIGKILL')
      await Promise.all(ends)
      await expect
        .poll(() =>
          rmdir(join(group, 'appstrate-server')).then(
            () => true,
            () => false,
          ),
        )
        .toBe(true)
      await rmdir(group)
    }
  })
})
