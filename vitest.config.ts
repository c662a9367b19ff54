import { existsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

// eslint-disable-next-line no-restricted-properties -- the configuration of a tool, not a process of the product
const { CI, VITEST_JSON } = process.env
const isCi = Boolean(CI)
// VITEST_JSON names the report: `VITEST_JSON=embedded` writes .cache/vitest-embedded.json.
const report = VITEST_JSON || (isCi ? 'run' : '')
const globalSetup = 'packages/server/src/testing/global-setup.ts'

export default defineConfig({
  test: {
    include: ['packages/**/*.test.ts', 'tests/**/*.test.ts', 'scripts/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'bench/**', '.cache/**'],
    // Tests use real servers, databases and child processes: one process per file, two at a time.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 15_000,
    allowOnly: !isCi,
    // Tests with real processes can fail on a busy machine. A test that passes on a retry is reported as retried.
    retry: isCi ? 2 : 0,
    passWithNoTests: false,
    globalSetup: existsSync(globalSetup) ? [globalSetup] : [],
    reporters: report ? ['default', ['json', { outputFile: `.cache/vitest-${report}.json` }]] : ['default'],
  },
})
