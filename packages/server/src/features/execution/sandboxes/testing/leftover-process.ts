import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeTemporaryDir } from '../temporary-dir.ts'

// Killed by a test while it holds a temporary file: `node leftover-process.ts <data directory>`.
const [, , dataDir = ''] = process.argv
await writeFile(join(await makeTemporaryDir(dataDir, 'input'), 'stdin'), 'secret input of a tool')
process.stdout.write('ready')
await sleep(600_000)
