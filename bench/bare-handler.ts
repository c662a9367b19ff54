// The baseline of `GET /api/agents`: the same framework, serializer and payload, and nothing else.
// `/constant` answers from memory, `/query` runs the query.
import Fastify from 'fastify'
import { listAgents } from '../packages/server/src/features/catalog/agents/list-agents.ts'
import { loadAgents } from '../packages/server/src/features/catalog/agents/agent-store.ts'
import { toAgentListItemWire } from '../packages/server/src/features/catalog/agents/agent-wire.ts'
import { openDatabase } from '../packages/server/src/platform/db/database.ts'
import { parsePage, toPageWire } from '../packages/server/src/platform/http/pagination.ts'
import { idCursor } from '../packages/server/src/platform/lists/cursor.ts'
import { createLog } from '../packages/server/src/platform/log/log.ts'

export interface BareHandler {
  readonly socketDir: string
  readonly password: string
  readonly organizationId: string
  readonly applicationId: string
}

const { socketDir, password, organizationId, applicationId }: BareHandler = JSON.parse(process.argv[2] ?? '{}')
const address = { host: socketDir, port: 5432, user: 'appstrate', password, database: 'postgres' }
const { db, close } = openDatabase(address, { connectionsMax: 10, log: createLog('warn') })
const scope = { organizationId, applicationId, endUserId: null }
const page = parsePage({}, idCursor('agent'))
const query = async () => toPageWire(await loadAgents(db, scope, page), page, toAgentListItemWire)
const constant = await query()

const app = Fastify()
const schema = { response: { 200: listAgents.returns[200] } }
app.get('/constant', { schema }, async () => constant)
app.get('/query', { schema }, query)
const url = await app.listen({ port: 0, host: '127.0.0.1' })
process.send?.(url)
process.on(
  'SIGTERM',
  () =>
    void app
      .close()
      .then(close)
      .then(() => process.exit(0)),
)
