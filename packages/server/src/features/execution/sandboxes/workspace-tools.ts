import { SandboxError, type ExecRequest, type ExecResult, type Sandbox } from './sandbox.ts'

/** The result of a tool for the model: about 64 KiB at most; after a failure, the reason and what to do. */
export interface ToolText {
  readonly ok: boolean
  readonly text: string
}

const streamBytesMax = 32_768
const readBytesMax = 65_536
const readLinesDefault = 2_000
const editBytesMax = 4 * 1024 * 1024
const entriesMax = 1_000
const fileTimeoutMs = 30_000
const bashTimeoutMs = 120_000
// One argument of a Linux program is at most 128 KiB; longer commands are passed as a script on descriptor 9.
const argumentBytesMax = 100_000

const failed = (text: string): ToolText => ({ ok: false, text })

/** Runs a command with bash (or sh) in /workspace; processes that it leaves running end with it. */
export async function runBash(
  sandbox: Sandbox,
  { command, timeoutMs = bashTimeoutMs }: { command: string; timeoutMs?: number },
  signal?: AbortSignal,
): Promise<ToolText> {
  if (command.includes('\0')) return failed('The command contains a NUL character.')
  const bash = 'command -v bash >/dev/null && shell=bash || shell=sh'
  const isLong = Buffer.byteLength(command) > argumentBytesMax
  const request = isLong
    ? { argv: ['sh', '-c', `${bash}; exec 9<&0 </dev/null; exec $shell /dev/fd/9`], stdin: Buffer.from(command) }
    : { argv: ['sh', '-c', `${bash}; exec $shell -c "$1"`, 'sh', command] }
  const result = await execAsTool(sandbox, { ...request, timeoutMs, outputBytesMax: streamBytesMax }, signal)
  if ('ok' in result) return result
  const parts = [
    result.stdout,
    result.stderr === '' ? '' : `[stderr]\n${result.stderr}`,
    describeEnd(result, timeoutMs),
  ]
  const text = parts
    .filter((part) => part !== '')
    .map((part) => part.replace(/\n?$/, '\n'))
    .join('')
  return { ok: result.reason === 'exited' && result.exitCode === 0, text: text === '' ? '(no output)' : text }
}

const readScript = `
[ -e "$1" ] || { echo "There is no file $1." >&2; exit 1; }
[ -f "$1" ] || { echo "$1 is not a regular file." >&2; exit 1; }
total=$(wc -l < "$1") || exit 1
echo "$total $(wc -c < "$1")"
tail -n "+$(($2 + 1))" -- "$1" | head -n "$3" | head -c "$4"
`

/** Reads `limit` lines of a text file after skipping `offset` lines. */
export async function readFile(
  sandbox: Sandbox,
  { path, offset = 0, limit = readLinesDefault }: { path: string; offset?: number; limit?: number },
  signal?: AbortSignal,
): Promise<ToolText> {
  const argv = ['sh', '-c', readScript, 'read', plainPath(path), String(offset), String(limit), String(readBytesMax)]
  const result = await execAsTool(
    sandbox,
    { argv, timeoutMs: fileTimeoutMs, outputBytesMax: readBytesMax + 100 },
    signal,
  )
  if ('ok' in result) return result
  if (result.exitCode !== 0) return failed(explainFailure(result, `${path} could not be read.`))
  const headEnd = result.stdout.indexOf('\n')
  const [lines = 0, bytes = 0] = result.stdout.slice(0, headEnd).split(' ').map(Number)
  const text = result.stdout.slice(headEnd + 1)
  if (text.includes('\0'))
    return failed(`${path} is not a text file (${bytes} bytes). Look at it with bash, for example with file or xxd.`)
  return {
    ok: true,
    text: text === '' ? emptyReading(offset, lines) : text + describeRest({ text, offset, limit, lines, bytes }),
  }
}

const writeScript = `
case $1 in */*) mkdir -p -- "\${1%/*}" || exit 1;; esac
[ ! -d "$1" ] || { echo "$1 is a directory." >&2; exit 1; }
cat > "$1"
`

/** Writes or replaces a text file, and creates its parent directories. */
export async function writeFile(
  sandbox: Sandbox,
  { path, content }: { path: string; content: string },
  signal?: AbortSignal,
): Promise<ToolText> {
  const stdin = Buffer.from(content)
  const result = await replaceContent(sandbox, { path, stdin }, signal)
  return result ?? { ok: true, text: `Wrote ${stdin.length} bytes to ${path}.` }
}

const editScript = `
[ -e "$1" ] || { echo "There is no file $1." >&2; exit 1; }
[ -f "$1" ] || { echo "$1 is not a regular file." >&2; exit 1; }
[ "$(wc -c < "$1")" -le "$2" ] || { echo "$1 is too large to edit: use bash, for example sed." >&2; exit 1; }
base64 -w 0 -- "$1"
`

/** Replaces the one occurrence of `oldText` in a file, byte by byte. */
export async function editFile(
  sandbox: Sandbox,
  { path, oldText, newText }: { path: string; oldText: string; newText: string },
  signal?: AbortSignal,
): Promise<ToolText> {
  if (oldText === '') return failed('The old text is empty.')
  const argv = ['sh', '-c', editScript, 'edit', plainPath(path), String(editBytesMax)]
  const result = await execAsTool(sandbox, { argv, timeoutMs: fileTimeoutMs, outputBytesMax: editBytesMax * 2 }, signal)
  if ('ok' in result) return result
  if (result.exitCode !== 0) return failed(explainFailure(result, `${path} could not be read.`))
  const content = Buffer.from(result.stdout, 'base64')
  const [at, again] = findTwice(content, Buffer.from(oldText))
  if (at === -1)
    return failed(
      `The old text does not occur in ${path}: read the file again and copy it exactly, with its spaces and line ends.`,
    )
  if (again !== -1)
    return failed(`The old text occurs more than once in ${path}: include more of the surrounding lines.`)
  const stdin = Buffer.concat([
    content.subarray(0, at),
    Buffer.from(newText),
    content.subarray(at + Buffer.byteLength(oldText)),
  ])
  return (
    (await replaceContent(sandbox, { path, stdin }, signal)) ?? {
      ok: true,
      text: `Replaced one occurrence in ${path}.`,
    }
  )
}

const listScript = `
[ -d "$1" ] || { echo "There is no directory $1." >&2; exit 1; }
find -P "$1" -mindepth 1 -maxdepth 8 -printf '%y %s %P\\0' 2>/dev/null | head -z -n "$2" | sort -z -k 3
`

/** Lists the entries below a directory, eight levels deep, with sizes in bytes. */
export async function listDirectory(
  sandbox: Sandbox,
  { path = '.' }: { path?: string },
  signal?: AbortSignal,
): Promise<ToolText> {
  const argv = ['sh', '-c', listScript, 'list', plainPath(path), String(entriesMax + 1)]
  const result = await execAsTool(sandbox, { argv, timeoutMs: fileTimeoutMs, outputBytesMax: 1024 * 1024 }, signal)
  if ('ok' in result) return result
  if (result.exitCode !== 0) return failed(explainFailure(result, `${path} could not be listed.`))
  const entries = result.stdout
    .split('\0')
    .filter((entry) => entry !== '')
    .map(describeEntry)
  const more = entries.length > entriesMax ? `\n[… more than ${entriesMax} entries: list a subdirectory …]` : ''
  const listed = cutText(entries.slice(0, entriesMax).join('\n'), readBytesMax)
  return { ok: true, text: entries.length === 0 ? '(empty)' : listed + more }
}

async function replaceContent(
  sandbox: Sandbox,
  { path, stdin }: { path: string; stdin: Buffer },
  signal?: AbortSignal,
): Promise<ToolText | undefined> {
  const argv = ['sh', '-c', writeScript, 'write', plainPath(path)]
  const result = await execAsTool(
    sandbox,
    { argv, stdin, timeoutMs: fileTimeoutMs, outputBytesMax: streamBytesMax },
    signal,
  )
  if ('ok' in result) return result
  return result.exitCode === 0 && result.reason === 'exited'
    ? undefined
    : failed(explainFailure(result, `${path} could not be written.`))
}

async function execAsTool(
  sandbox: Sandbox,
  request: ExecRequest,
  signal: AbortSignal | undefined,
): Promise<ExecResult | ToolText> {
  const nul = request.argv.some((word) => word.includes('\0'))
  if (nul) return failed('The path contains a NUL character.')
  try {
    return withoutLooseNul(await sandbox.exec(signal === undefined ? request : { ...request, signal }), request)
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    return failed(`The sandbox failed: ${error.message}`)
  }
}

// Models and jsonb columns do not accept NUL; the listing and the check for binary files still need it.
function withoutLooseNul(result: ExecResult, { argv }: ExecRequest): ExecResult {
  const keep = argv[3] === 'list' || argv[3] === 'read'
  return keep
    ? result
    : { ...result, stdout: result.stdout.replaceAll('\0', '\u2400'), stderr: result.stderr.replaceAll('\0', '\u2400') }
}

/** A path that no program can mistake for an option. */
function plainPath(path: string): string {
  return path.startsWith('/') ? path : `./${path}`
}

function describeEnd(result: ExecResult, timeoutMs: number): string {
  switch (result.reason) {
    case 'timeout':
      return `[ended: still running after ${timeoutMs / 1000} seconds]`
    case 'aborted':
      return '[ended: cancelled]'
    case 'disk-limit':
      return '[ended: the workspace is full; delete files first]'
    case 'memory-limit':
      return '[ended: out of memory]'
    case 'hidden-process':
      return '[ended: a program could not be inspected; make its file readable, for example with chmod u+r]'
    case 'exited':
      return describeExit(result.exitCode)
  }
}

function describeExit(exitCode: number | null): string {
  if (exitCode === 0) return ''
  if (exitCode === 137) return '[exit code 137: killed]'
  if (exitCode === 152) return '[exit code 152: CPU time used up]'
  return `[exit code ${exitCode ?? 'unknown'}]`
}

function explainFailure(result: ExecResult, otherwise: string): string {
  if (result.reason !== 'exited') return `${otherwise} ${describeEnd(result, fileTimeoutMs)}`
  return cutText(result.stderr.trim(), 2_000) || otherwise
}

function emptyReading(offset: number, lines: number): string {
  return offset === 0 ? '(empty file)' : `(nothing after line ${offset}: the file has ${lines} lines)`
}

interface FileExcerpt {
  readonly text: string
  readonly offset: number
  readonly limit: number
  readonly lines: number
  readonly bytes: number
}

function describeRest({ text, offset, limit, lines, bytes }: FileExcerpt): string {
  const end = text.endsWith('\n') ? '' : '\n'
  if (Buffer.byteLength(text) >= readBytesMax)
    return `${end}[… cut after ${readBytesMax} of ${bytes} bytes: continue with a higher offset, or with bash …]`
  return offset + limit < lines
    ? `${end}[… lines ${offset + 1} to ${offset + limit} of ${lines}: continue with offset ${offset + limit} …]`
    : ''
}

function describeEntry(entry: string): string {
  const [, kind = '', size = '', name = ''] = /^(.) (\d+) (.*)$/s.exec(entry) ?? []
  // A name may hold line ends and escape sequences.
  const shown = name.replace(/[\u0000-\u001f\u007f]/g, '?')
  if (kind === 'd') return `${shown}/`
  return kind === 'f' ? `${shown}  ${size} bytes` : `${shown}  (not a regular file)`
}

function findTwice(content: Buffer, wanted: Buffer): [at: number, again: number] {
  const at = content.indexOf(wanted)
  return [at, at === -1 ? -1 : content.indexOf(wanted, at + 1)]
}

function cutText(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : `${text.slice(0, charactersMax)}…`
}
