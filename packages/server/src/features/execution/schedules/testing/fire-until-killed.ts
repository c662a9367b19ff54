// A process that fires due schedules until it is killed: argv[2] is the database's address as JSON.
import { tmpdir } from 'node:os'
import { features } from '../../../index.ts'
import { fireDue } from '../firing/fire-due.ts'
import { parseConfig } from '../../../../platform/config/config.ts'
import { generateEncryptionKey } from '../../../../platform/crypto/key-ring.ts'
import { openDatabase } from '../../../../platform/db/database.ts'
import { createLog } from '../../../../platform/log/log.ts'
import { openPlatform } from '../../../../platform/open-platform.ts'

const log = createLog('silent')
const platform = await openPlatform({
  features,
  config: parseConfig({ DATA_DIR: tmpdir(), QUOTA_RUNS_PER_MINUTE: 'unlimited' }, features),
  secrets: { encryptionKeys: generateEncryptionKey('1'), authSecret: 'a secret of the tests, 32 characters' },
  database: openDatabase(JSON.parse(process.argv[2] ?? '{}'), { connectionsMax: 4, log }),
  log,
})
process.send?.('ready')
for (;;) {
  await fireDue(platform)
  await new Promise((resolve) => setTimeout(resolve, 5))
}
