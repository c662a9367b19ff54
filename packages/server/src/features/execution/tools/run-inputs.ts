import type { Platform } from '../../../platform/platform.ts'
import { namesInOneFolder, readContent, unsealContents, type ReadableContent } from '../files/index.ts'
import { findRunInputs, type Run } from '../runs/index.ts'
import { inputBytesMax, type Workspace } from '../sandboxes/index.ts'

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

/** Why a run with these input files has no sandbox; undefined when it can have one. */
export function whyTooLarge({ config }: Pick<Platform, 'config'>, inputs: readonly RunInput[]): string | undefined {
  const bytes = inputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const bytesMax = inputBytesMax(config)
  if (bytes <= bytesMax) return undefined
  return `The run has no sandbox: its input files have ${bytes} bytes together, and ${bytesMax} are allowed.`
}

/**
 * Puts the input files into the workspace. A file that is not encrypted is not copied: it gets a second name, and the
 * sandbox can only read it. Encrypted files are copied. Returns how many bytes were copied.
 */
export async function placeInputs(
  platform: Pick<Platform, 'blobs'>,
  { workspace, inputs, abort }: { workspace: Workspace; inputs: readonly RunInput[]; abort: AbortSignal },
): Promise<number> {
  let copiedBytes = 0
  for (const input of inputs) {
    abort.throwIfAborted()
    const isLinked =
      input.key === undefined && (await workspace.placeInput(input.name, (path) => platform.blobs.link(input.id, path)))
    if (isLinked) continue
    await workspace.putInput(input.name, await readContent(platform, input))
    copiedBytes += input.sizeBytes
  }
  return copiedBytes
}
