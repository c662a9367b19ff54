import { statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { namesOf, type Mount } from './mounts.ts'
import { isWithin } from './real-path.ts'

/** A file or directory of the host that the sandbox sees. */
export interface Bind {
  /** The real path on the host. */
  readonly source: string
  /** The path in the sandbox. */
  readonly path: string
  readonly isDirectory: boolean
  /** Whether it is shown even if it is a mount point. */
  readonly isRequired: boolean
}

/** A path in the sandbox that shows nothing of the host. */
export interface Cover {
  readonly path: string
  readonly isDirectory: boolean
}

export interface CoverOptions {
  readonly hidden: readonly string[]
  readonly mounts: readonly Mount[]
  /** Whether the user in the sandbox may pass through a directory of the host. */
  canEnter(directory: string): boolean
}

/**
 * The binds without those that lie at a hidden path or are volumes, and the covers for everything hidden or mounted
 * inside of the others. A hidden path above a bind changes nothing: its own files are not in the view.
 */
export function findCovers(
  candidates: readonly Bind[],
  { hidden, mounts, canEnter }: CoverOptions,
): { binds: Bind[]; covers: Cover[] } {
  const secret = new Set(hidden.flatMap((path) => namesOf(path, mounts)))
  const mounted = new Set(mounts.map(({ mountPoint }) => mountPoint))
  const binds = candidates.filter(
    ({ source, isRequired }) => !secret.has(source) && (isRequired || !mounted.has(source)),
  )
  const closed = [...secret, ...mounted]
  const covers = binds.flatMap(({ source, path }) =>
    closed
      .filter((inside) => inside !== source && isWithin(inside, source))
      .flatMap((inside) => {
        const reached = firstClosed(source, inside, canEnter)
        const isDirectory = directoryOrNot(reached)
        return isDirectory === undefined ? [] : [{ path: join(path, relative(source, reached)), isDirectory }]
      }),
  )
  return { binds, covers: outermost(covers) }
}

// Nothing can be mounted below a directory that the sandbox's user cannot enter, so that directory is covered itself.
function firstClosed(source: string, inside: string, canEnter: CoverOptions['canEnter']): string {
  const above: string[] = []
  for (let path = dirname(inside); path !== source && isWithin(path, source); path = dirname(path)) above.push(path)
  return above.reverse().find((path) => !canEnter(path)) ?? inside
}

function directoryOrNot(path: string): boolean | undefined {
  try {
    return statSync(path).isDirectory()
  } catch {
    // It is gone, or the server's user cannot reach it; the sandbox's user has no more rights.
    return undefined
  }
}

function outermost(covers: readonly Cover[]): Cover[] {
  const byPath = new Map(covers.map((cover) => [cover.path, cover]))
  const paths = [...byPath.keys()]
  return [...byPath.values()].filter(({ path }) => !paths.some((other) => other !== path && isWithin(path, other)))
}
