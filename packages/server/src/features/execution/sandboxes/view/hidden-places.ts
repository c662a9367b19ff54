import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** A path of the host that no sandbox may show. */
export interface HiddenPlace {
  /** What the path is for, as an operator knows it, for example `DATA_DIR`. */
  readonly name: string
  readonly path: string
}

// The root of the running code: this file is packages/server/src/features/execution/sandboxes/view/….
const codeRoot = join(import.meta.dirname, '../../../../../../..')

/** The configured paths, and those of the process itself. All are absolute. */
export function listHiddenPlaces(configured: readonly HiddenPlace[]): HiddenPlace[] {
  return [
    ...configured,
    { name: 'the code', path: codeRoot },
    { name: 'HOME', path: homeOf() },
    { name: 'the temporary directory', path: tmpdir() },
  ].map(({ name, path }) => ({ name, path: resolve(path) }))
}

function homeOf(): string {
  try {
    return homedir()
  } catch {
    // Without HOME, and without an entry in /etc/passwd.
    return '/root'
  }
}
