import type { IncomingHttpHeaders } from 'node:http'
import { Type } from 'typebox'
import { endpoint } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { parseRange, type ByteRange } from './byte-range.ts'
import { readContent, unsealFile } from './file-content.ts'
import { attachment, baseName } from './file-name.ts'
import { findFile } from './file-store.ts'
import type { ReadableFile } from './file.ts'

const Content = Type.String({ format: 'binary' })

export const downloadFile = endpoint({
  route: 'GET /api/files/:fileId/content',
  summary: 'Download a file',
  description: 'Returns the content as an attachment. A `Range: bytes=…` header with one range returns 206.',
  caller: 'application',
  permission: 'files:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { fileId: { id: 'file', missing: 'file-not-found' } },
  returns: { 200: Content, 206: Content },
  streams: 'application/octet-stream',
  fails: ['range-not-satisfiable'],
  async handle({ db, scope, params, platform, request }) {
    const file = await unsealFile(platform, foundOr(await findFile(db, scope, params.fileId), 'file-not-found'))
    const range = rangeOf(request.headers, file)
    const stream = await readContent(platform, file, range)
    const headers = {
      ...headersOf(file),
      'Content-Length': String(range === undefined ? file.sizeBytes : range.end - range.start + 1),
    }
    return range === undefined
      ? { status: 200, stream, headers }
      : {
          status: 206,
          stream,
          headers: { ...headers, 'Content-Range': `bytes ${range.start}-${range.end}/${file.sizeBytes}` },
        }
  },
})

function rangeOf(headers: IncomingHttpHeaders, file: ReadableFile): ByteRange | undefined {
  const condition = headers['if-range']
  if (condition !== undefined && condition !== etagOf(file)) return undefined
  const range = parseRange(headers.range, file.sizeBytes)
  if (range === 'unsatisfiable') {
    throw problem('range-not-satisfiable', {
      detail: `The file has ${file.sizeBytes} bytes.`,
      headers: { 'Content-Range': `bytes */${file.sizeBytes}` },
    })
  }
  return range === 'all' ? undefined : range
}

function headersOf(file: ReadableFile): Record<string, string> {
  return {
    'Content-Type': file.contentType,
    'Content-Disposition': attachment(baseName(file.name)),
    'Content-Security-Policy': "default-src 'none'; sandbox",
    'X-Content-Type-Options': 'nosniff',
    'Accept-Ranges': 'bytes',
    ETag: etagOf(file),
  }
}

function etagOf(file: ReadableFile): string {
  return `"${file.sha256.toString('hex')}"`
}
