import { feature } from '../../../platform/http/feature.ts'
import { deleteFile } from './delete-file.ts'
import { downloadFile } from './download-file.ts'
import { getFile } from './get-file.ts'
import { listFiles } from './list-files.ts'
import { listRunFiles } from './list-run-files.ts'
import './problems.ts'
import { uploadFile } from './upload-file.ts'

export const filesFeature = feature({
  folder: 'execution/files',
  tag: 'Files',
  description: 'Files that runs receive as input, and files that runs produce.',
  endpoints: { uploadFile, listFiles, getFile, downloadFile, deleteFile, listRunFiles },
})

export { readContent, unsealContents, unsealFiles } from './file-content.ts'
export { namesInOneFolder } from './file-name.ts'
export { findFiles } from './file-store.ts'
export type { ReadableContent, ReadableFile, StoredFile } from './file.ts'
export { addRunFile, deleteRunFiles } from './run-files.ts'
export { sweepBlobs } from './sweep-blobs.ts'
