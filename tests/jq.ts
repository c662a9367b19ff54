// `jq` for the guides, on machines without it: the original compiled to WebAssembly, with files and standard input.
import { loadJq } from 'jq-wasm'
import { readFileSync } from 'node:fs'

/** The parts of a command line: options (`--arg` is followed by two values), then the filter, then files. */
function parseCommandLine(words: readonly string[]): { options: string[]; filter: string; files: string[] } {
  const options: string[] = []
  const rest: string[] = []
  for (let at = 0; at < words.length; at += 1) {
    const length = /^--arg(json)?$/.test(words[at] ?? '') ? 3 : 1
    const isOption = words[at]?.startsWith('-') === true
    const target = isOption ? options : rest
    target.push(...words.slice(at, at + length))
    at += length - 1
  }
  const [filter = '.', ...files] = rest
  return { options, filter, files }
}

const { options, filter, files } = parseCommandLine(process.argv.slice(2))
const input = (files.length === 0 ? [0] : files).map((file) => readFileSync(file, 'utf8')).join('\n')
const { stdout, stderr, exitCode } = (await loadJq()).raw(input, filter, options)
// The library removes the last newline.
if (stdout !== '') process.stdout.write(`${stdout}\n`)
if (stderr !== '') process.stderr.write(`${stderr}\n`)
process.exitCode = exitCode
