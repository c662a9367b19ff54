import { readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { isWithin, realPathOf } from './real-path.ts'

export interface Mount {
  /** `<major>:<minor>` of the file system. */
  readonly device: string
  /** The directory of the file system that is mounted. */
  readonly root: string
  readonly mountPoint: string
}

/** The mounts that this process can see. */
export function readMounts(): Mount[] {
  return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
}

/** Blanks and backslashes are octal in the paths of a mountinfo file. */
export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [, , device, root, mountPoint] = line.split(' ').map(unescaped)
    return device === undefined || root === undefined || mountPoint === undefined ? [] : [{ device, root, mountPoint }]
  })
}

/** The real paths of a file or directory: more than one where a part of a file system is bound to a second place. */
export function namesOf(path: string, mounts: readonly Mount[]): string[] {
  const real = realPathOf(path)
  if (real === undefined) return []
  const own = mountOf(real, mounts)
  if (own === undefined) return [real]
  const inFileSystem = join(own.root, relative(own.mountPoint, real))
  const others = mounts
    .filter(({ device, root }) => device === own.device && isWithin(inFileSystem, root))
    .map(({ root, mountPoint }) => join(mountPoint, relative(root, inFileSystem)))
    .filter((name) => name !== real && isSame(name, real))
  return [real, ...others]
}

/** The device of a path's file system as `/proc/<pid>/maps` writes it, for example `fe:00`. */
export function mapsDeviceOf(path: string): string | undefined {
  const real = realPathOf(path)
  const device = real === undefined ? undefined : mountOf(real, readMounts())?.device
  return device
    ?.split(':')
    .map((number) => Number(number).toString(16).padStart(2, '0'))
    .join(':')
}

function mountOf(real: string, mounts: readonly Mount[]): Mount | undefined {
  // Of several mounts on one directory the last is visible.
  return mounts
    .filter(({ mountPoint }) => isWithin(real, mountPoint))
    .reduce<Mount | undefined>(
      (best, mount) => (best !== undefined && best.mountPoint.length > mount.mountPoint.length ? best : mount),
      undefined,
    )
}

// A name can be hidden by a further mount.
function isSame(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one, { bigint: true }), statSync(other, { bigint: true })]
    return a.dev === b.dev && a.ino === b.ino
  } catch {
    return false
  }
}

function unescaped(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
}
