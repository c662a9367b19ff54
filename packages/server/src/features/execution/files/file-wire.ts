import { Type, type Static } from 'typebox'
import { Nullable, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import type { ReadableFile } from './file.ts'

export const FileWire = wire('File', {
  id: WireId('file'),
  name: Type.String({
    description: "The base name of an uploaded file, or the path below /workspace/output of a run's file.",
  }),
  size: Type.Integer({ description: 'Bytes.' }),
  contentType: Type.String(),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the content, in hexadecimal.' }),
  runId: Nullable(WireId('run', 'The run that produced the file; null for an upload.')),
  createdAt: WireTime,
})

export function toFileWire(file: ReadableFile): Static<typeof FileWire> {
  return {
    id: toWireId('file', file.id),
    name: file.name,
    size: file.sizeBytes,
    contentType: file.contentType,
    sha256: file.sha256.toString('hex'),
    runId: toWireIdOrNull('run', file.runId),
    createdAt: toWireTime(file.createdAt),
  }
}
