import type { Platform } from '../../../platform/platform.ts'
import { namesInOneFolder, unsealContents, type ReadableContent } from '../files/index.ts'
import { findRunInputs, type Run } from '../runs/index.ts'

/** An input file of a run: its name in /workspace/input, and the fields that reading its bytes needs. */
export interface RunInput extends ReadableContent {
  readonly name: string
}

/** The input files of a run, sorted by name, so that every attempt's prompt lists them in the same order. */
export async function loadInputs(platform: Pick<Platform, 'db' | 'use'>, run: Run): Promise<RunInput[]> {
  const inputs = await unsealContents(platform, await findRunInputs(platform.db, run.id))
  const sorted = inputs
    .map((input) => ({ ...input, name: run.seal.unsealText(input.name) ?? '' }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  // The output file of another run is named by its path; /workspace/input is a single folder.
  const names = namesInOneFolder(sorted.map(({ name }) => name))
  return sorted.map((input, index) => ({ ...input, name: names[index] ?? input.name }))
}
