import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** The first line of a test file that does not share its process with others, with the reason. */
const ownProcessLine = /^\/\/ own-process: \S/
/** How tests reach the servers and the browser that the environment names: by `inject`, or by the variable itself. */
const serviceUse = /\binject\('|\bTEST_(?:DATABASE_URL|REDIS_URL|CHROMIUM)\b/
const processStart = /'node:child_process'|'playwright-core'/
const relativeImport = /^\s*(?:import|export)\b(?!\s+type\b)[^'"]*?['"](\.[^'"]+\.ts)['"]/gm
/** Product code imports none of these; `architecture.test.ts` holds that. */
const forTests = /\.test\.ts$|(?:^|\/)(?:tests|testing)\//

export interface TestFile {
  readonly path: string
  readonly needsOwnProcess: boolean
  /** Whether it uses the database, the Redis or the browser that the environment names, itself or through an import. */
  readonly usesServices: boolean
  /** Whether it starts programs, itself or through an import. */
  readonly startsProcesses: boolean
}

/** The test files below `root`. What a file needs follows from its text and from the test code that it imports. */
export function readTestFiles(root: string, patterns: readonly string[]): TestFile[] {
  const texts = new Map<string, string>()
  const textOf = (path: string): string => {
    const text = texts.get(path) ?? (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '')
    texts.set(path, text)
    return text
  }
  const paths = globSync([...patterns], { cwd: root, exclude: ['**/node_modules/**'] })
  return paths.sort().map((path) => {
    const reached = [...withImports(path, textOf)].map(textOf)
    return {
      path,
      needsOwnProcess: ownProcessLine.test(textOf(path)),
      usesServices: reached.some((text) => serviceUse.test(text)),
      startsProcesses: reached.some((text) => processStart.test(text)),
    }
  })
}

function withImports(path: string, textOf: (path: string) => string, reached = new Set<string>()): Set<string> {
  if (reached.has(path)) return reached
  reached.add(path)
  for (const [, target = ''] of textOf(path).matchAll(relativeImport)) {
    const imported = posix.join(posix.dirname(path), target)
    if (forTests.test(imported)) withImports(imported, textOf, reached)
  }
  return reached
}
