// A worker process that fires schedules and executes no runs. argv[2] is the database's address.
// Answers the message `fires` with the time at which the commit of each run since the last message became known.
import { tmpdir } from 'node:os'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { features } from '../packages/server/src/features/index.ts'
import { schedulesFeature } from '../packages/server/src/features/execution/schedules/index.ts'
import { parseConfig } from '../packages/server/src/platform/config/config.ts'
import { generateEncryptionKey } from '../packages/server/src/platform/crypto/key-ring.ts'
import { openDatabase } from '../packages/server/src/platform/db/database.ts'
import { startJobs } from '../packages/server/src/platform/jobs/start-jobs.ts'
import { createLog } from '../packages/server/src/platform/log/log.ts'
import { openPlatform } from '../packages/server/src/platform/open-platform.ts'

const Address = Type.Object({ host: Type.String(), port: Type.Number(), user: Type.String(), database: Type.String() })
const log = createLog('error')
const address = Value.Parse(Address, JSON.parse(process.argv[2] ?? ''))
const platform = await openPlatform({
  features,
  config: parseConfig({ DATA_DIR: tmpdir() }, features),
  secrets: { encryptionKeys: generateEncryptionKey('1'), authSecret: 'a secret of the benchmark, 32 characters' },
  database: openDatabase(address, { connectionsMax: 10, log }),
  log,
})
const committedAtMs: Record<string, number> = {}
platform.wake.subscribe('events', (detail) => void (committedAtMs[detail.split(':')[1] ?? ''] ??= Date.now()))
startJobs(platform, schedulesFeature.jobs ?? [])
process.on('message', () => process.send?.(committedAtMs))
process.send?.('ready')
