import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSource, type Tree } from './source-file.ts'

/** The sources below a folder; empty when there is no such folder. */
export function readTree(folder: string): Tree {
  if (!existsSync(folder)) return new Map()
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'))
  return treeOf(
    Object.fromEntries(
      paths.filter((path) => path.endsWith('.ts')).map((path) => [path, readFileSync(join(folder, path), 'utf8')]),
    ),
  )
}

/** A tree of texts by path. */
export function treeOf(files: Readonly<Record<string, string>>): Tree {
  return new Map(Object.entries(files).map(([path, text]) => [path, readSource(path, text)]))
}
