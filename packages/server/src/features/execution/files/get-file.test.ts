import { expect } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { getFile } from './get-file.ts'
import { filesFeature } from './index.ts'

async function uploaded(tenant: Tenant): Promise<string> {
  const rawBody = new FormData()
  rawBody.append('file', new File(['x'], 'x.txt'))
  const answer = await tenant.send('POST /api/files', { rawBody })
  expect((await tenant.send(`GET /api/files/${answer.body.id}`)).body).toEqual(answer.body)
  return String(answer.body.id)
}

describeEndpoint(getFile, {
  given: uploaded,
  call: (fileId) => ({ params: { fileId } }),
  world: { features: [filesFeature] },
})
