import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { access, lstat, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HiddenPlace } from './hidden-places.ts'
import { namesOf, readMounts } from './mounts.ts'
import { isWithin } from './real-path.ts'

/** An entry in a hidden place, which a probe in the sandbox looks for. */
export interface Marker extends HiddenPlace {
  /** `<device>:<inode>`, as `stat -c %d:%i` prints it in the sandbox if the sandbox shows this very entry. */
  readonly identity: string
}

export interface Markers {
  readonly all: readonly Marker[]
  /** Throws an Error if a marker was removed in the meantime: then the probe has proved nothing. */
  assertPresent(): Promise<void>
  remove(): Promise<void>
}

const prefix = '.appstrate-probe-'
const entriesMax = 3
const staleAfterMs = 60 * 60 * 1000
// The process ids in two pid namespaces, for example of two containers with a common volume, have different meanings.
const ownership = (): string => `${/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'}-`

/**
 * Places a file in each directory, first removing those that a killed server left. Where this process cannot write, the
 * first entries of the directory are the markers. Each place is a marker itself, too.
 */
export async function placeMarkers(places: readonly HiddenPlace[]): Promise<Markers> {
  const placed: string[] = []
  const marked = await Promise.all(places.map((place) => markPlace(place, placed)))
  return {
    all: marked.flat(),
    async assertPresent() {
      for (const path of placed) await access(path)
    },
    async remove() {
      for (const path of placed) await rm(path, { force: true })
    },
  }
}

/** The places under all their names, and the mount points at or below the paths that the sandbox shows. */
export function withMountPoints(
  places: readonly HiddenPlace[],
  shown: { readonly required: readonly string[]; readonly all: readonly string[] },
): HiddenPlace[] {
  const mounts = readMounts()
  const required = new Set(shown.required)
  const mounted = mounts
    .map(({ mountPoint }) => mountPoint)
    .filter((path) => !required.has(path) && shown.all.some((directory) => isWithin(path, directory)))
  const aliases = places.flatMap(({ name, path }) => namesOf(path, mounts).map((alias) => ({ name, path: alias })))
  return [...places, ...aliases, ...mounted.map((path) => ({ name: 'the mount point', path }))]
}

async function markPlace({ name, path }: HiddenPlace, placed: string[]): Promise<Marker[]> {
  const real = await realpath(path).catch(() => undefined)
  if (real === undefined) return []
  if (!(await stat(real)).isDirectory()) return identify(name, [real, path])
  await sweep(real)
  const marker = `${prefix}${ownership()}${process.pid}-${randomBytes(8).toString('hex')}`
  const inside = await writeFile(join(real, marker), '', { flag: 'wx', mode: 0o644 }).then(
    () => [marker],
    () => listSome(real),
  )
  if (inside[0] === marker) placed.push(join(real, marker))
  return identify(name, [real, ...inside.flatMap((entry) => [join(real, entry), join(path, entry)])])
}

async function listSome(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => [])
  return names.slice(0, entriesMax)
}

async function identify(name: string, paths: readonly string[]): Promise<Marker[]> {
  const found = await Promise.all(
    [...new Set(paths)].map(async (path) => {
      const stats = await lstat(path, { bigint: true }).catch(() => undefined)
      return stats === undefined ? [] : [{ name, path, identity: `${stats.dev}:${stats.ino}` }]
    }),
  )
  return found.flat()
}

async function sweep(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names.filter((candidate) => candidate.startsWith(prefix))) {
    const path = join(directory, name)
    if (await isLeftOver(name, path)) await rm(path, { force: true }).catch(() => undefined)
  }
}

async function isLeftOver(name: string, path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats?.isFile() !== true || stats.size > 0) return false
  const rest = name.slice(prefix.length)
  if (!rest.startsWith(ownership())) return Date.now() - stats.mtimeMs > staleAfterMs
  return !isRunning(Number(rest.slice(ownership().length).split('-')[0]))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
