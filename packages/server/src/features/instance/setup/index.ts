export { createFirstRun, firstRunPath, readFirstRun } from './create-first-run.ts'
export { firstRunLines } from './first-run-lines.ts'
export { startScriptedModel } from './scripted-model.ts'
