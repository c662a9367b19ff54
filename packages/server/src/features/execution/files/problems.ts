import { problems } from '../../../platform/problems/problem.ts'

problems({
  'file-not-found': { status: 404, title: 'File Not Found' },
  'file-in-use': { status: 409, title: 'File In Use' },
  'file-too-large': { status: 413, title: 'File Too Large' },
  'range-not-satisfiable': { status: 416, title: 'Range Not Satisfiable' },
})
