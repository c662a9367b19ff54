import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { readTestFiles, type TestFile } from './test-files.ts'

const root = mkdtempSync(join(tmpdir(), 'appstrate-test-files-'))
afterAll(() => rmSync(root, { recursive: true }))

const files: Record<string, string> = {
  'src/unit.test.ts': "import { add } from './add.ts'",
  'src/add.ts': "import { spawn } from 'node:child_process'",
  'src/types.test.ts': "import type { World } from '../testing/world.ts'",
  'src/endpoint.test.ts': "import {\n  openWorld,\n} from '../testing/world.ts'",
  'src/launch.test.ts': "// own-process: kills it.\nimport './testing/launch.ts'",
  'src/testing/launch.ts': "import { spawn } from 'node:child_process'",
  'testing/world.ts': "import './database.ts'",
  'testing/database.ts': "import './world.ts'\ninject('adminDatabaseUrl')",
  'tests/page.test.ts': "// own-process:\nexport * from './browser.ts'",
  'tests/browser.ts': "import { chromium } from 'playwright-core'\nconst program = process.env['TEST_CHROMIUM']",
  'node_modules/a/a.test.ts': '',
}
for (const [path, text] of Object.entries(files)) {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

it('finds the test files and tells what they need', () => {
  const none = { needsOwnProcess: false, usesServices: false, startsProcesses: false }
  const expected: TestFile[] = [
    { ...none, path: 'src/endpoint.test.ts', usesServices: true },
    { ...none, path: 'src/launch.test.ts', needsOwnProcess: true, startsProcesses: true },
    { ...none, path: 'src/types.test.ts' },
    { ...none, path: 'src/unit.test.ts' },
    { ...none, path: 'tests/page.test.ts', usesServices: true, startsProcesses: true },
  ]
  expect(readTestFiles(root, ['**/*.test.ts'])).toEqual(expected)
})
