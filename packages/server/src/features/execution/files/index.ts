import { readWriteDelete, rights } from '../../../platform/access/permissions.ts'
import { whole } from '../../../platform/config/variables.ts'
import { feature } from '../../../platform/http/feature.ts'
import { eraseFiles } from './file-erasure.ts'
import { expireFiles } from './file-expiry.ts'
import { filesOf, removeFiles } from './file-store.ts'
import { deleteFile } from './delete-file.ts'
import { downloadFile } from './download-file.ts'
import { getFile } from './get-file.ts'
import { listFiles } from './list-files.ts'
import { listRunFiles } from './list-run-files.ts'
import { uploadFile } from './upload-file.ts'

const problems = {
  'file-not-found': { status: 404, title: 'File Not Found' },
  'file-in-use': { status: 409, title: 'File In Use' },
  'file-too-large': { status: 413, title: 'File Too Large' },
  'range-not-satisfiable': { status: 416, title: 'Range Not Satisfiable' },
} as const
const idPrefixes = { file: 'A file.' } as const
const permissions = {
  files: rights({ owner: readWriteDelete, member: ['read', 'write'], viewer: ['read'], grantable: true }),
}
const variables = {
  FILE_SIZE_MAX: whole({
    meaning: 'Largest uploaded file in bytes.',
    fallback: 104_857_600,
    min: 1,
    max: 10_737_418_240,
  }),
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
  interface ConfigVariables extends Readonly<typeof variables> {}
}

export const filesFeature = feature({
  folder: 'execution/files',
  tag: 'Files',
  description: 'Files that runs receive as input, and files that runs produce.',
  problems,
  idPrefixes,
  permissions,
  variables,
  removes: { application: { files: removeFiles } },
  owns: ['files'],
  contents: { application: { files: { rows: filesOf } } },
  erase: eraseFiles,
  expires: { fileDays: expireFiles },
  endpoints: { uploadFile, listFiles, getFile, downloadFile, deleteFile, listRunFiles },
})

export { removeBlobs } from './file-erasure.ts'
export { deleteFilesMadeBy, filesMadeBy, makerOf } from './file-expiry-store.ts'
export { readContent, unsealContents, unsealFiles } from './file-content.ts'
export { namesInOneFolder } from './file-name.ts'
export { fileContents, findFiles } from './file-store.ts'
export type { ReadableContent, ReadableFile, StoredFile } from './file.ts'
export { addRunFile, deleteRunFiles, fileBytesMax, refuseRunFileWithoutRoom } from './run-files.ts'
export { sweepBlobs } from './sweep-blobs.ts'
