import type { MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { IncomingMessage } from 'node:http'
import { BlobTooLarge } from '../../../platform/blobs/blob-directory.ts'
import { Problem, problem } from '../../../platform/problems/problem.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { ContentSeal } from '../../accounts/end-users/index.ts'
import { toContentType } from './content-type.ts'
import { sanitizeName } from './file-name.ts'
import { writeContent } from './file-content.ts'
import type { NewFile } from './file.ts'

/** Boundaries and part headers around the file. */
const multipartOverheadBytes = 65_536
const idleMsMax = 60_000
/** How long the rest of a refused upload is read, so that the client receives the reply. */
const discardMsMax = 10_000

/** Where an upload is written. */
interface UploadTarget {
  readonly blobs: Platform['blobs']
  readonly seal: ContentSeal
  readonly bytesMax: number
  /** Refuses an upload of at least so many bytes for which the organization has no room. */
  refuseWithoutRoom(bytes: number): Promise<void>
}

/**
 * Streams the one part `file` of a multipart request to a blob, durable when it resolves. Throws `file-too-large`,
 * `validation-error`, `malformed-request` or what `refuseWithoutRoom` throws; a failed or interrupted upload leaves no
 * blob.
 */
export async function receiveUpload(request: FastifyRequest, target: UploadTarget): Promise<NewFile> {
  const { blobs, bytesMax } = target
  const id = newUuid()
  request.raw.setTimeout(idleMsMax)
  try {
    const bytesMin = Number(request.headers['content-length'] ?? 0) - multipartOverheadBytes
    if (bytesMin > bytesMax) throw tooLarge(bytesMax)
    await target.refuseWithoutRoom(Math.max(1, bytesMin))
    return await receiveParts(request, bytesMax, (part) => store(id, part, target))
  } catch (error) {
    await blobs.remove(id)
    discardRest(request.raw)
    throw toUploadProblem(error, bytesMax)
  }
}

async function receiveParts(
  request: FastifyRequest,
  bytesMax: number,
  storePart: (part: MultipartFile) => Promise<NewFile>,
): Promise<NewFile> {
  let received: NewFile | undefined
  // Each limit is one more than allowed: a second part gets its own error, and a large file reaches the blob's limit.
  const limits = { fileSize: bytesMax + 1, files: 2, fields: 1, parts: 2, fieldSize: 1_024, headerPairs: 20 }
  for await (const part of request.parts({ limits })) {
    if (part.fieldname !== 'file') throw invalid(part.fieldname, 'is not a known field', 'additionalProperties')
    if (received !== undefined) throw invalid('file', 'must be sent once', 'maxItems')
    if (part.type === 'field') throw invalid('file', 'must be a file: send it with a file name', 'type')
    // Browsers send an empty file name for a file input without a chosen file.
    if (part.filename === '') throw invalid('file', 'is required', 'required')
    received = await storePart(part)
  }
  if (received === undefined) throw invalid('file', 'is required', 'required')
  return received
}

async function store(id: string, part: MultipartFile, { blobs, seal, bytesMax }: UploadTarget): Promise<NewFile> {
  const written = await writeContent({ blobs }, { id, seal }, { content: part.file, bytesMax })
  // A part of type application/octet-stream counts as a file even without a file name.
  const filename: string | undefined = part.filename
  return {
    id,
    runId: null,
    name: seal.sealText(sanitizeName(filename ?? '')),
    contentType: toContentType(part.mimetype),
    ...written,
  }
}

function invalid(field: string | undefined, message: string, code: string): Problem {
  const name = (field ?? '').slice(0, 100)
  return problem('validation-error', {
    detail: `'${name}' ${message}.`,
    errors: [{ pointer: `/${name}`, message, code }],
  })
}

function tooLarge(bytesMax: number): Problem {
  return problem('file-too-large', {
    detail: `The file is larger than ${bytesMax} bytes.`,
    extensions: { sizeMax: bytesMax },
  })
}

// A disconnect or a malformed body is the client's error; any other, such as a full disk, stays a server error.
function toUploadProblem(error: unknown, bytesMax: number): unknown {
  if (error instanceof BlobTooLarge) return tooLarge(bytesMax)
  if (!(error instanceof Error) || error instanceof Problem) return error
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'FST_INVALID_MULTIPART_CONTENT_TYPE') return error
  const isBroken = code.startsWith('FST_') || code === 'ECONNRESET' || (code === '' && error.constructor === Error)
  return isBroken
    ? problem('malformed-request', { detail: 'The multipart body is malformed or ends too early.' })
    : error
}

function discardRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return
  request.unpipe()
  request.resume()
  const timer = setTimeout(() => request.destroy(), discardMsMax)
  request.once('close', () => clearTimeout(timer))
}
