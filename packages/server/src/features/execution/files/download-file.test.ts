import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { downloadFile } from './download-file.ts'
import { filesFeature } from './index.ts'

const options = { features: [filesFeature] }
const text = '0123456789abcdef'

async function upload(tenant: Tenant, content = text): Promise<string> {
  const rawBody = new FormData()
  rawBody.append('file', new File([content], 'digits – €.html', { type: 'text/html' }))
  const answer = await tenant.send('POST /api/files', { rawBody })
  return String(answer.body.id)
}

describeEndpoint(downloadFile, {
  given: (tenant) => upload(tenant),
  call: (fileId) => ({ params: { fileId } }),
  world: options,
})

describe('a download', () => {
  let world: World
  let tenant: Tenant
  let fileId: string
  const etag = `"${createHash('sha256').update(text).digest('hex')}"`
  beforeAll(async () => {
    world = await openWorld(options)
    tenant = await world.tenant()
    fileId = await upload(tenant)
  })
  afterAll(() => world.close())
  const get = (headers: Record<string, string> = {}, id = fileId) =>
    tenant.send(`GET /api/files/${id}/content`, { headers })

  it('is an attachment that browsers neither execute nor sniff', async () => {
    const { status, headers, text: body } = await get()
    expect([status, body]).toEqual([200, text])
    expect(headers.get('content-disposition')).toBe(
      `attachment; filename="digits _ _.html"; filename*=UTF-8''digits%20%E2%80%93%20%E2%82%AC.html`,
    )
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox")
    expect(headers.get('content-type')).toMatch(/^text\/html\b/)
    expect(headers.get('content-length')).toBe('16')
    expect(headers.get('accept-ranges')).toBe('bytes')
    expect(headers.get('etag')).toBe(etag)
  })

  it.each([
    ['bytes=0-3', '0123', 'bytes 0-3/16'],
    ['bytes=12-', 'cdef', 'bytes 12-15/16'],
    ['bytes=-2', 'ef', 'bytes 14-15/16'],
  ])('answers 206 to Range: %s', async (range, body, contentRange) => {
    const answer = await get({ range })
    expect([answer.status, answer.text]).toEqual([206, body])
    expect(answer.headers.get('content-range')).toBe(contentRange)
    expect(answer.headers.get('content-length')).toBe(String(body.length))
  })

  it('answers 416 with the file size for a range beyond the end', async () => {
    const answer = await get({ range: 'bytes=16-' })
    expectProblem(downloadFile, answer, 'range-not-satisfiable')
    expect(answer.headers.get('content-range')).toBe('bytes */16')
  })

  it('honors If-Range: sends the whole file when it has changed', async () => {
    expect((await get({ range: 'bytes=0-0', 'if-range': etag })).status).toBe(206)
    expect((await get({ range: 'bytes=0-0', 'if-range': '"other"' })).status).toBe(200)
  })

  it('answers HEAD with the headers only', async () => {
    const answer = await tenant.send(`HEAD /api/files/${fileId}/content`)
    expect([answer.status, answer.text, answer.headers.get('content-length'), answer.headers.get('etag')]).toEqual([
      200,
      '',
      '16',
      etag,
    ])
  })

  it('serves an empty file', async () => {
    const answer = await get({}, await upload(tenant, ''))
    expect([answer.status, answer.text, answer.headers.get('content-length')]).toEqual([200, '', '0'])
  })

  it('answers 500, and logs the cause once, when the content is missing on disk', async () => {
    const gone = await upload(tenant)
    await world.platform.blobs.remove(parseWireId('file', gone) ?? '')
    const answer = await get({}, gone)
    expectProblem(downloadFile, answer, 'internal-error')
    expect(answer.headers.get('content-disposition')).toBeNull()
    const lines = world.logLines.filter(
      (line) => line.includes(String(answer.body.requestId)) && line.includes('"level":50'),
    )
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('BlobMissing')
    expect(lines[0]).toContain('ENOENT')
  })
})
