import { realpathSync } from 'node:fs'

/** The path without symbolic links; undefined if it does not exist or this user cannot look it up. */
export function realPathOf(path: string): string | undefined {
  try {
    return realpathSync.native(path)
  } catch {
    return undefined
  }
}

/** Whether a path is the directory itself or lies below it. Both are absolute and have no links. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}
