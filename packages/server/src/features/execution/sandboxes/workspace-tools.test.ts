import { mkdtemp, readFile as readHostFile, rm, writeFile as writeHostFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createWorkspace,
  detectSandbox,
  editFile,
  listDirectory,
  readFile,
  runBash,
  writeFile,
  type Sandbox,
  type Workspace,
} from './index.ts'

const detection = await detectSandbox({ preference: 'auto', log: pino({ level: 'silent' }), hidden: [] })

describe.skipIf(!detection.available)('the tools of an agent', { timeout: 120_000 }, () => {
  let root = ''
  let workspace: Workspace
  let sandbox: Sandbox

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'appstrate-tools-'))
    workspace = await createWorkspace(root, 'run')
    await workspace.putInput('sales.csv', Readable.from(['region,amount\nnorth,3\nsouth,4\n']))
    if (detection.available) {
      sandbox = await detection.driver.open({
        workspaceDir: workspace.dir,
        limits: {
          memoryBytes: 128 * 1024 * 1024,
          processesMax: 32,
          diskBytes: 16 * 1024 * 1024,
          cpuSeconds: 10,
        },
      })
    }
  })

  afterAll(async () => {
    await workspace.remove()
    await rm(root, { recursive: true })
  })

  const inWorkspace = (path: string) => join(workspace.dir, path)

  describe('bash', () => {
    test('returns the output of the command', async () => {
      const result = await runBash(sandbox, {
        command: "awk -F, 'NR > 1 { sum += $2 } END { print sum }' input/sales.csv",
      })
      expect(result).toEqual({ ok: true, text: '7\n' })
    })

    test('uses bash, and separates exit code and stderr from the output', async () => {
      expect(await runBash(sandbox, { command: 'a=(x y); echo ${#a[@]}; echo oops >&2; exit 4' })).toEqual({
        ok: false,
        text: '2\n[stderr]\noops\n[exit code 4]\n',
      })
      expect(await runBash(sandbox, { command: 'true' })).toEqual({ ok: true, text: '(no output)' })
    })

    test('reports a timeout and a cancellation', async () => {
      expect(await runBash(sandbox, { command: 'echo begun; sleep 500', timeoutMs: 4_000 })).toEqual({
        ok: false,
        text: 'begun\n[ended: still running after 4 seconds]\n',
      })
      expect(await runBash(sandbox, { command: 'sleep 500' }, AbortSignal.timeout(50))).toEqual({
        ok: false,
        text: '[ended: cancelled]\n',
      })
    })

    test('accepts commands longer than one argument can be, with an empty stdin', async () => {
      expect(await runBash(sandbox, { command: `# ${'x'.repeat(150_000)}\ncat; echo "$((6 * 7))"; exit 3` })).toEqual({
        ok: false,
        text: '42\n[exit code 3]\n',
      })
    })

    test('limits its text and contains no NUL', async () => {
      const { text } = await runBash(sandbox, { command: 'yes | head -c 1M; printf "a\\0b"' })
      expect(text.length).toBeLessThan(33_500)
      expect(text).toMatch(/bytes omitted/)
      expect(text.endsWith('a␀b\n')).toBe(true)
      expect(await runBash(sandbox, { command: 'echo a\0b' })).toEqual({
        ok: false,
        text: 'The command contains a NUL character.',
      })
    })
  })

  describe('reading', () => {
    beforeAll(async () => {
      await runBash(sandbox, {
        command:
          'seq 1 5000 > numbers; printf "no newline" > short; : > empty; head -c 100 /dev/zero > zeros; ' +
          'yes "long line" | tr -d "\\n" | head -c 100000 > wide',
      })
    })

    test('returns a whole file, even without a final newline', async () => {
      expect(await readFile(sandbox, { path: 'input/sales.csv' })).toEqual({
        ok: true,
        text: 'region,amount\nnorth,3\nsouth,4\n',
      })
      expect(await readFile(sandbox, { path: '/workspace/short' })).toEqual({ ok: true, text: 'no newline' })
      expect(await readFile(sandbox, { path: 'empty' })).toEqual({ ok: true, text: '(empty file)' })
    })

    test('returns some lines, and the offset at which to continue', async () => {
      expect(await readFile(sandbox, { path: 'numbers', offset: 10, limit: 2 })).toEqual({
        ok: true,
        text: '11\n12\n[… lines 11 to 12 of 5000: continue with offset 12 …]',
      })
      expect(await readFile(sandbox, { path: 'numbers', offset: 4999, limit: 5 })).toEqual({ ok: true, text: '5000\n' })
      expect(await readFile(sandbox, { path: 'numbers', offset: 9000 })).toEqual({
        ok: true,
        text: '(nothing after line 9000: the file has 5000 lines)',
      })
      expect((await readFile(sandbox, { path: 'wide' })).text).toMatch(/\n\[… cut after 65536 of 100000 bytes/)
    })

    test('reports what is wrong with a path', async () => {
      expect(await readFile(sandbox, { path: 'missing' })).toEqual({ ok: false, text: 'There is no file ./missing.' })
      expect(await readFile(sandbox, { path: '/dev/zero' })).toEqual({
        ok: false,
        text: '/dev/zero is not a regular file.',
      })
      expect((await readFile(sandbox, { path: 'zeros' })).text).toMatch(/not a text file \(100 bytes\)/)
      expect(await readFile(sandbox, { path: 'a\0b' })).toEqual({
        ok: false,
        text: 'The path contains a NUL character.',
      })
      expect((await readFile(sandbox, { path: '/etc/shadow' })).ok).toBe(false)
    })

    test('does not follow a link to the host', async () => {
      await writeHostFile(join(root, 'host-secret'), 'host secret')
      await runBash(sandbox, { command: `ln -s '${join(root, 'host-secret')}' escape` })
      expect((await readFile(sandbox, { path: 'escape' })).text).not.toContain('host secret')
      expect((await writeFile(sandbox, { path: 'escape', content: 'taken over' })).ok).toBe(false)
      expect(await readHostFile(join(root, 'host-secret'), 'utf8')).toBe('host secret')
    })
  })

  describe('writing', () => {
    test('creates directories, keeps every character and replaces an existing file', async () => {
      const content = '$HOME `id` "q" \'s\' \\ ü😀\r\n\ttab no end'
      expect(
        await writeFile(sandbox, { path: 'output/a b/ü.txt', content: 'old and longer than the new one'.repeat(9) }),
      ).toMatchObject({ ok: true })
      expect(await writeFile(sandbox, { path: 'output/a b/ü.txt', content })).toEqual({
        ok: true,
        text: `Wrote ${Buffer.byteLength(content)} bytes to output/a b/ü.txt.`,
      })
      expect(await readHostFile(inWorkspace('output/a b/ü.txt'), 'utf8')).toBe(content)
      expect(await writeFile(sandbox, { path: '-n', content: '' })).toMatchObject({ ok: true })
      expect(await readHostFile(inWorkspace('-n'), 'utf8')).toBe('')
    })

    test('refuses input, system files and directories with the reason', async () => {
      expect((await writeFile(sandbox, { path: 'input/sales.csv', content: 'x' })).text).toMatch(
        /Read-only|Permission denied/,
      )
      expect((await writeFile(sandbox, { path: '/usr/x', content: 'x' })).text).toMatch(/Read-only|Permission denied/)
      expect(await writeFile(sandbox, { path: 'output', content: 'x' })).toEqual({
        ok: false,
        text: './output is a directory.',
      })
    })
  })

  describe('editing', () => {
    test('replaces the one occurrence byte by byte, and nothing else', async () => {
      await writeHostFile(join(root, 'edit'), '')
      await runBash(sandbox, { command: 'printf "one\\r\\n\\377two $& three\\n" > edit.txt; chmod 750 edit.txt' })
      expect(await editFile(sandbox, { path: 'edit.txt', oldText: 'two $&', newText: '$1 «2»' })).toEqual({
        ok: true,
        text: 'Replaced one occurrence in edit.txt.',
      })
      expect(await readHostFile(inWorkspace('edit.txt'))).toEqual(
        Buffer.concat([Buffer.from('one\r\n'), Buffer.from([0xff]), Buffer.from('$1 «2» three\n')]),
      )
    })

    test('reports why it changed nothing', async () => {
      await writeFile(sandbox, { path: 'twice.txt', content: 'aba aba' })
      expect((await editFile(sandbox, { path: 'twice.txt', oldText: 'aba', newText: 'x' })).text).toMatch(
        /more than once/,
      )
      expect((await editFile(sandbox, { path: 'twice.txt', oldText: 'nothing', newText: 'x' })).text).toMatch(
        /does not occur/,
      )
      expect((await editFile(sandbox, { path: 'twice.txt', oldText: '', newText: 'x' })).ok).toBe(false)
      expect((await editFile(sandbox, { path: 'missing', oldText: 'a', newText: 'b' })).text).toBe(
        'There is no file ./missing.',
      )
      await runBash(sandbox, { command: 'head -c 5M /dev/zero > large' })
      expect((await editFile(sandbox, { path: 'large', oldText: 'a', newText: 'b' })).text).toMatch(/too large to edit/)
      expect(await readHostFile(inWorkspace('twice.txt'), 'utf8')).toBe('aba aba')
    })
  })

  test('listing shows sizes, directories and special files, even with unusual names', async () => {
    await runBash(sandbox, {
      command:
        'mkdir -p tree/sub tree/void; cd tree; printf 123 > sub/b; ' +
        'printf 1 > "$(printf "line\\nbreak")"; ln -s /etc/passwd link',
    })
    expect(await listDirectory(sandbox, { path: 'tree' })).toEqual({
      ok: true,
      text: 'line?break  1 bytes\nlink  (not a regular file)\nsub/\nsub/b  3 bytes\nvoid/',
    })
    expect(await listDirectory(sandbox, { path: 'tree/void' })).toEqual({ ok: true, text: '(empty)' })
    expect(await listDirectory(sandbox, { path: 'nowhere' })).toEqual({
      ok: false,
      text: 'There is no directory ./nowhere.',
    })
    expect((await listDirectory(sandbox, {})).text).toMatch(/^input\/$/m)
    await runBash(sandbox, { command: 'mkdir many; cd many; seq 1 1500 | xargs touch' })
    expect((await listDirectory(sandbox, { path: 'many' })).text).toMatch(/more than 1000 entries/)
  })
})
