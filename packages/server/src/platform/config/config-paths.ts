import type { Config } from './config.ts'
import type { Variables } from './variables.ts'

/** A path that a variable names. */
export interface ConfigPath {
  /** The name of the variable. */
  readonly name: string
  readonly path: string
}

/**
 * The paths that the configuration names: those that the variables declare, and every other text that looks like a
 * path, so that a variable which forgets to declare its path is found all the same.
 */
export function findConfigPaths(config: Config, variables: Variables): ConfigPath[] {
  const values = new Map<string, unknown>(Object.entries(config))
  return Object.entries(variables).flatMap(([name, variable]) => {
    const value = values.get(name)
    const found = new Set([...(variable.paths?.(value) ?? []), ...textsOf(value).filter(looksLikePath)])
    return [...found].map((path) => ({ name, path }))
  })
}

const looksLikePath = (text: string) => /^\.{0,2}\//.test(text)

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
