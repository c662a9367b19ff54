import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { features } from './index.ts'

const source = join(import.meta.dirname, '..')

/** The product's sources below features/ and platform/, without tests. */
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((path) => /^(features|platform)\/.*\.ts$/.test(path) && !/\.test\.ts$|\/testing\//.test(path))
  .map((path) => ({ path, text: readFileSync(join(source, path), 'utf8') }))

const declared = features.flatMap(({ folder, variables = {} }) => Object.keys(variables).map((name) => [name, folder]))

it.each(declared)('%s is read only by %s, which declares it, and by processes', (name = '', folder = '') => {
  const named = files.filter(({ text }) => new RegExp(`\\b${name}\\b`).test(text)).map(({ path }) => path)
  expect(named).toContain(`features/${folder}/index.ts`)
  expect(named.filter((path) => !path.startsWith(`features/${folder}/`))).toEqual([])
})
