import { existsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { readTestFiles } from './scripts/test-files.ts'

// eslint-disable-next-line no-restricted-properties -- the configuration of a tool, not a process of the product
const { CI, VITEST_JSON, VITEST_TIER } = process.env
const isCi = Boolean(CI)
// VITEST_JSON names the report: `VITEST_JSON=embedded` writes .cache/vitest-embedded.json.
const report = VITEST_JSON || (isCi ? 'run' : '')
const globalSetup = 'packages/server/src/testing/global-setup.ts'

const include = ['packages/**/*.test.ts', 'tests/**/*.test.ts', 'scripts/**/*.test.ts']
const files = readTestFiles(import.meta.dirname, include)
const alone = files.filter((file) => file.needsOwnProcess).map(({ path }) => path)
const starters = files.filter((file) => file.startsProcesses).map(({ path }) => `/${path}`)
// VITEST_TIER=services leaves out the files that use no database, Redis or browser of the environment.
const leftOut = VITEST_TIER === 'services' ? files.filter((file) => !file.usesServices).map(({ path }) => path) : []
const exclude = ['**/node_modules/**', 'bench/**', '.cache/**', ...leftOut]

/** Files that start programs come first, because they wait the longest; files with their own process come last. */
class LongestFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      if (project.config.isolate) return 2
      return starters.some((path) => moduleId.endsWith(path)) ? 0 : 1
    }
    return (await super.sort(specifications)).sort((one, other) => rank(one) - rank(other))
  }
}
const isShuffled = process.argv.some((argument) => argument.startsWith('--sequence.shuffle'))

export default defineConfig({
  test: {
    // Tests use real servers, databases and child processes. Some mostly wait: one worker more than CI has cores.
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 15_000,
    allowOnly: !isCi,
    // Tests with real processes can fail on a busy machine. A test that passes on a retry is reported as retried.
    retry: isCi ? 2 : 0,
    passWithNoTests: false,
    globalSetup: existsSync(globalSetup) ? [globalSetup] : [],
    setupFiles: ['packages/server/src/testing/leave-no-trace.ts'],
    reporters: report ? ['default', ['json', { outputFile: `.cache/vitest-${report}.json` }]] : ['default'],
    ...(isShuffled ? {} : { sequence: { sequencer: LongestFirst } }),
    projects: [
      { test: { name: 'own process', include: alone, exclude, isolate: true } },
      { test: { name: 'shared process', include, exclude: [...exclude, ...alone], isolate: false } },
    ],
  },
})
