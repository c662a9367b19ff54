import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../docs/how-to/', import.meta.url)

/** An executable block, and the JSON that the page shows below it. */
export interface Block {
  readonly script: string
  readonly line: number
  readonly expected: string | undefined
}

/** The guides, by file name. */
export function listPages(): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .sort()
}

export function readPage(name: string): Block[] {
  return blocksOf(readFileSync(new URL(name, folder), 'utf8'))
}

/** The `sh` blocks of a Markdown text, from top to bottom. */
export function blocksOf(markdown: string): Block[] {
  const blocks: { script: string; line: number; expected: string | undefined }[] = []
  // A `json` block belongs to the block above only if there are just blank lines between them.
  for (const match of markdown.matchAll(/^```(\w+)\n(.*?)^```$(\n*)/gms)) {
    const [whole, language = '', content = ''] = match
    const before = markdown.slice(0, match.index)
    const last = blocks.at(-1)
    if (language === 'sh') blocks.push({ script: content, line: before.split('\n').length + 1, expected: undefined })
    if (
      language === 'json' &&
      last !== undefined &&
      last.expected === undefined &&
      before.trimEnd().endsWith(`${last.script.trimEnd()}\n\`\`\``)
    )
      last.expected = content
    if (whole === '') break
  }
  return blocks
}

export interface Ran {
  readonly code: number | null
  /** The output of each block. */
  readonly outputs: readonly string[]
  readonly stderr: string
}

const mark = '=== the next block ==='

/** Runs the blocks in one shell that stops at the first failure. */
export async function runBlocks(
  blocks: readonly Block[],
  { environment, cwd, timeoutMs }: { environment: Record<string, string>; cwd: string; timeoutMs: number },
): Promise<Ran> {
  const script = blocks.map(({ script: each }) => `${each}\nprintf '\\n%s\\n' '${mark}'\n`).join('')
  const shell = spawn('bash', ['-e', '-x', '-o', 'pipefail', '-s'], {
    cwd,
    env: { ...environment, PS4: '+ ' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  shell.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  shell.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const timer = setTimeout(() => shell.kill('SIGKILL'), timeoutMs)
  // A function with its own standard input, so that a command cannot consume the rest of the page.
  shell.stdin.end(`page() {\n${script}\n}\npage </dev/null\n`)
  const code = await new Promise<number | null>((resolve) => shell.once('close', resolve))
  clearTimeout(timer)
  return { code, outputs: stdout.split(`\n${mark}\n`).slice(0, -1), stderr }
}

/** How the shape of an output differs from the JSON on the page, where `…` matches anything. */
export function differences(expected: string, output: string): string[] {
  const shown: unknown = JSON.parse(readableJson(expected))
  const found = lastJson(output)
  return found === undefined ? [`The output is not JSON: ${output.slice(0, 500)}`] : compare(shown, found, '')
}

/** The JSON value at the end of an output. */
function lastJson(output: string): unknown {
  const text = output.trim()
  const starts = [0, ...[...text.matchAll(/[[{]/g)].map(({ index }) => index)]
  for (const start of starts) {
    const found = parse(text.slice(start))
    if (found !== undefined) return found
  }
  return undefined
}

/** Replaces the bare `…` between members and as a value, so that the text becomes valid JSON. */
function readableJson(text: string): string {
  return text
    .replaceAll(/:\s*…(?=\s*[,}\]\n])/g, ': "…"')
    .replaceAll(/,\s*…(?=\s*[}\]])/g, '')
    .replaceAll(/([{[])\s*…\s*,?(?=[^"]*[}\]"{])/g, '$1')
}

function compare(shown: unknown, found: unknown, path: string): string[] {
  if (shown === '…') return []
  if (kindOf(shown) !== kindOf(found)) return [`${path || '/'} is ${kindOf(found)}, not ${kindOf(shown)}`]
  if (Array.isArray(shown) && Array.isArray(found))
    return shown.flatMap((each, index) => compare(each, found[index] ?? found[0], `${path}/${index}`))
  if (typeof shown !== 'object' || shown === null || typeof found !== 'object' || found === null) return []
  const actual = new Map(Object.entries(found))
  return Object.entries(shown).flatMap(([key, value]) => {
    if (key === '…') return []
    // An id as a key is an example: another id with the same prefix matches too.
    const there = actual.has(key) ? actual.get(key) : [...actual].find(([name]) => isSameKind(name, key))?.[1]
    return there === undefined ? [`${path}/${key} is missing`] : compare(value, there, `${path}/${key}`)
  })
}

function isSameKind(name: string, key: string): boolean {
  const prefix = /^([a-z]+_)[0-7][0-9a-z]{25}$/.exec(key)?.[1]
  return prefix !== undefined && name.startsWith(prefix)
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
