import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { filesFeature } from './index.ts'
import { uploadFile } from './upload-file.ts'

const sizeMax = 3_000_000
const waiting = { timeout: 15_000 }
const options = { features: [filesFeature], environment: { FILE_SIZE_MAX: String(sizeMax) } }

function form(content: string | Uint8Array<ArrayBuffer>, name: string, type = ''): FormData {
  const data = new FormData()
  data.append('file', new File([content], name, { type }))
  return data
}

const boundary = 'a-boundary-of-this-test'
const multipart = { 'content-type': `multipart/form-data; boundary=${boundary}` }
const part = (headers: string, content: string) => `--${boundary}\r\n${headers}\r\n\r\n${content}\r\n`
const file = (name: string, content: string) =>
  part(`Content-Disposition: form-data; name="${name}"; filename="x.txt"\r\nContent-Type: text/plain`, content)
const end = `--${boundary}--\r\n`

describeEndpoint(uploadFile, {
  given: async () => ({}),
  call: () => ({ rawBody: form('a,b\n1,2\n', 'sales.csv', 'text/csv') }),
  world: options,
})

describe('an upload', () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld(options)
    tenant = await world.tenant()
  })
  afterAll(() => world.close())

  const upload = (rawBody: FormData | string | Uint8Array, headers: Record<string, string> = {}) =>
    tenant.send('POST /api/files', { rawBody, headers })
  const countRows = async () => (await world.platform.db.selectFrom('files').select('id').execute()).length
  const listBlobs = async () => {
    const names = await readdir(join(world.platform.config.DATA_DIR, 'blobs'), { recursive: true, withFileTypes: true })
    return names.filter((entry) => entry.isFile()).map((entry) => entry.name)
  }
  const expectNothingLeft = async (work: () => Promise<void>) => {
    const before = { rows: await countRows(), blobs: (await listBlobs()).sort() }
    await work()
    await vi.waitFor(
      async () => expect({ rows: await countRows(), blobs: (await listBlobs()).sort() }).toEqual(before),
      waiting,
    )
  }

  it('answers 201 with the file, Location, size and SHA-256, for content above the limit of JSON bodies', async () => {
    const content = randomBytes(2_500_000)
    const answer = await upload(form(content, 'big ünïcode.bin', 'application/x-thing'))
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^file_[0-9a-z]{26}$/),
      name: 'big ünïcode.bin',
      size: 2_500_000,
      contentType: 'application/x-thing',
      sha256: createHash('sha256').update(content).digest('hex'),
      runId: null,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    expect(answer.headers.get('location')).toBe(`/api/files/${answer.body.id}`)
  })

  it('keeps only the base name, and replaces an invalid content type', async () => {
    const head =
      'Content-Disposition: form-data; name="file"; filename="../../etc/pass\u0007wd"\r\n' +
      'Content-Type: text/html\u000b<script>'
    const answer = await upload(part(head, 'x') + end, multipart)
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body).toMatchObject({ name: 'passwd', contentType: 'application/octet-stream', size: 1 })
    const untyped = await upload(
      part('Content-Disposition: form-data; name="file"\r\nContent-Type: application/octet-stream', 'x') + end,
      multipart,
    )
    expect(untyped.body).toMatchObject({ name: 'file', contentType: 'application/octet-stream' })
  })

  it('accepts exactly FILE_SIZE_MAX bytes, and answers 413 to one more without storing it', async () => {
    expect((await upload(form(randomBytes(sizeMax), 'full'))).status).toBe(201)
    await expectNothingLeft(async () => {
      const answer = await upload(form(randomBytes(sizeMax + 1), 'over'))
      expectProblem(uploadFile, answer, 'file-too-large')
      expect(answer.body).toMatchObject({ status: 413, sizeMax })
    })
  })

  it('refuses by Content-Length before the content arrives, and stops a chunked upload at the limit', async () => {
    await expectNothingLeft(async () => {
      const socket = await open()
      socket.write(head({ 'content-length': '99000000' }))
      expect(await replies(socket)()).toBe('HTTP/1.1 413 Payload Too Large')
      socket.destroy()
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(
            Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n`),
          )
          for (let sent = 0; sent < sizeMax * 2; sent += 500_000) controller.enqueue(Buffer.alloc(500_000))
          controller.enqueue(Buffer.from(`\r\n${end}`))
          controller.close()
        },
      })
      const headers = { ...multipart, authorization: `Bearer ${tenant.apiKey}`, 'x-app-id': tenant.appId }
      const response = await fetch(`${world.url}/api/files`, { method: 'POST', headers, body, duplex: 'half' })
      expect(response.status).toBe(413)
    })
  })

  it.each([
    ['no part', end, { pointer: '/file', message: 'is required', code: 'required' }],
    ['an empty body', '', { pointer: '/file', message: 'is required', code: 'required' }],
    [
      'a part of another name',
      file('data', 'x') + end,
      { pointer: '/data', message: 'is not a known field', code: 'additionalProperties' },
    ],
    [
      'a field beside the file',
      file('file', 'x') + part('Content-Disposition: form-data; name="note"', 'y') + end,
      { pointer: '/note', message: 'is not a known field', code: 'additionalProperties' },
    ],
    [
      'two files',
      file('file', 'x') + file('file', 'y') + end,
      { pointer: '/file', message: 'must be sent once', code: 'maxItems' },
    ],
    [
      'three files',
      file('file', 'x') + file('file', 'y') + file('file', 'z') + end,
      { pointer: '/file', message: 'must be sent once', code: 'maxItems' },
    ],
    [
      'text instead of a file',
      part('Content-Disposition: form-data; name="file"', 'x') + end,
      { pointer: '/file', message: 'must be a file: send it with a file name', code: 'type' },
    ],
    [
      'a file input without a chosen file',
      part('Content-Disposition: form-data; name="file"; filename=""\r\nContent-Type: application/octet-stream', '') +
        end,
      { pointer: '/file', message: 'is required', code: 'required' },
    ],
  ])('answers 422 to %s, and stores nothing', async (_what, body, mistake) => {
    await expectNothingLeft(async () => {
      const answer = await upload(body, multipart)
      expectProblem(uploadFile, answer, 'validation-error')
      expect(answer.body.errors).toEqual([mistake])
    })
  })

  it.each([
    {
      what: 'a body that ends too early',
      body: file('file', 'half').slice(0, -20),
      headers: multipart,
      code: 'malformed-request',
    },
    {
      what: 'a missing boundary',
      body: file('file', 'x') + end,
      headers: { 'content-type': 'multipart/form-data' },
      code: 'malformed-request',
    },
    {
      what: 'a name of the prototype',
      body: file('__proto__', 'x') + end,
      headers: multipart,
      code: 'malformed-request',
    },
    {
      what: 'JSON',
      body: '{"file":"x"}',
      headers: { 'content-type': 'application/json' },
      code: 'unsupported-media-type',
    },
    { what: 'plain text', body: 'x', headers: { 'content-type': 'text/plain' }, code: 'unsupported-media-type' },
  ])('answers a problem to $what, and stores nothing', async ({ body, headers, code }) => {
    await expectNothingLeft(async () => expectProblem(uploadFile, await upload(body, headers), code))
  })

  it('stores nothing of a client that disconnects during the upload', async () => {
    await expectNothingLeft(async () => {
      const socket = await open()
      socket.write(head({ 'content-length': '2000000' }) + file('file', 'z'.repeat(1_000_000)).slice(0, -2))
      await vi.waitFor(
        async () => expect(await readdir(join(world.platform.config.DATA_DIR, 'blobs', 'partial'))).not.toEqual([]),
        waiting,
      )
      socket.destroy()
      await vi.waitFor(
        async () => expect(await readdir(join(world.platform.config.DATA_DIR, 'blobs', 'partial'))).toEqual([]),
        waiting,
      )
    })
    expect(world.logLines.filter((line) => line.includes('"level":50'))).toEqual([])
  })

  it('keeps the connection usable after a refused upload', async () => {
    const socket = await open()
    const nextReply = replies(socket)
    const body = file('wrong', 'x'.repeat(300_000)) + end
    socket.write(head({ 'content-length': String(body.length) }) + body)
    expect(await nextReply()).toBe('HTTP/1.1 422 Unprocessable Entity')
    socket.write(
      'GET /api/files HTTP/1.1\r\nhost: x\r\n' +
        `authorization: Bearer ${tenant.apiKey}\r\nx-app-id: ${tenant.appId}\r\n\r\n`,
    )
    expect(await nextReply()).toBe('HTTP/1.1 200 OK')
    socket.destroy()
  })

  it('belongs to the end-user who uploaded it', async () => {
    const [alice, bob] = [await tenant.endUser(), await tenant.endUser()]
    const made = await tenant.sendAs(alice)('POST /api/files', { rawBody: form('mine', 'mine.txt') })
    expect(made.status, made.text).toBe(201)
    for (const path of [`/api/files/${made.body.id}`, `/api/files/${made.body.id}/content`]) {
      expect((await tenant.sendAs(alice)(`GET ${path}`)).status).toBe(200)
      expect((await tenant.send(`GET ${path}`)).status).toBe(200)
      expect((await tenant.sendAs(bob)(`GET ${path}`)).status).toBe(404)
    }
    expect((await tenant.sendAs(bob)(`DELETE /api/files/${made.body.id}`)).status).toBe(404)
    expect((await tenant.sendAs(bob)('GET /api/files')).body.pagination.total).toBe(0)
    expect((await tenant.sendAs(alice)('GET /api/files')).body.data).toEqual([made.body])
  })

  const head = (headers: Record<string, string>) =>
    [
      'POST /api/files HTTP/1.1',
      'host: x',
      `authorization: Bearer ${tenant.apiKey}`,
      `x-app-id: ${tenant.appId}`,
      ...Object.entries({ ...multipart, ...headers }).map(([name, value]) => `${name}: ${value}`),
      '',
      '',
    ].join('\r\n')
  const open = () =>
    new Promise<Socket>((resolve, reject) => {
      const socket = connect(Number(new URL(world.url).port), '127.0.0.1', () => resolve(socket)).on('error', reject)
    })
})

/** Reads one reply after the other from a connection, in any chunks; returns each status line. */
function replies(socket: Socket): () => Promise<string> {
  const chunks: AsyncIterator<Buffer> = socket[Symbol.asyncIterator]()
  let received = ''
  return async () => {
    for (;;) {
      const headEnd = received.indexOf('\r\n\r\n')
      const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, Math.max(headEnd, 0)))?.[1]
      const end = headEnd + 4 + Number(length)
      if (headEnd !== -1 && received.length >= end) {
        const line = received.slice(0, received.indexOf('\r\n'))
        received = received.slice(end)
        return line
      }
      const { done, value } = await chunks.next()
      if (done === true) throw new Error(`The connection ended after ${JSON.stringify(received)}.`)
      // latin1 has one character per byte, as Content-Length counts.
      received += value.toString('latin1')
    }
  }
}
