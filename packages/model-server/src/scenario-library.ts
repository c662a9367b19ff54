import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { InvalidScenario, parseScenario, type Scenario } from './scenario.ts'

export interface ScenarioLibrary {
  /** Finds the scenario that a model id names: `<name>` or `scenario:<name>`. */
  find(modelId: string): Scenario | undefined
  /** Adds or replaces a scenario. Throws InvalidScenario. */
  register(name: string, scenario: unknown): void
  names(): string[]
}

/** Reads all `*.json` files of a folder. Throws InvalidScenario for the first invalid one. */
export function openScenarioLibrary(folder: string): ScenarioLibrary {
  const scenarios = new Map<string, Scenario>()
  for (const file of readdirSync(folder)
    .filter((entry) => entry.endsWith('.json'))
    .sort()) {
    const name = basename(file, '.json')
    scenarios.set(name, parseScenario(name, withFiles(parseJson(join(folder, file)), folder)))
  }
  return {
    find: (modelId) => scenarios.get(modelId.replace(/^scenario:/, '')),
    register: (name, scenario) => void scenarios.set(name, parseScenario(name, scenario)),
    names: () => [...scenarios.keys()],
  }
}

function parseJson(path: string): unknown {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return value
  } catch (error) {
    throw new InvalidScenario(
      `${basename(path)} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

const filePlaceholder = /^\{\{file:([\w.-]+)\}\}$/

// `{{file:name}}` stands for a file beside the scenario, so that a script can be read, linted and tested as one.
function withFiles(value: unknown, folder: string): unknown {
  if (typeof value === 'string') {
    const name = filePlaceholder.exec(value)?.[1]
    return name === undefined ? value : readFileSync(join(folder, basename(name)), 'utf8')
  }
  if (Array.isArray(value)) return value.map((item) => withFiles(item, folder))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withFiles(item, folder)]))
  }
  return value
}
