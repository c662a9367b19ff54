import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { ConformanceCase } from './conformance-case.ts'
import { SandboxError } from '../sandbox.ts'

const reportsExits: ConformanceCase = {
  name: 'reports exit codes, signals and both streams',
  async check({ inside }) {
    const failed = await inside('echo out; echo err >&2; exit 3')
    assert.deepEqual(
      { ...failed, durationMs: 0 },
      {
        exitCode: 3,
        signal: null,
        stdout: 'out\n',
        stderr: 'err\n',
        stdoutTruncated: false,
        stderrTruncated: false,
        reason: 'exited',
        durationMs: 0,
      },
    )
    assert.equal((await inside('kill -TERM $$')).exitCode, 143)
    assert.equal((await inside('exec /no/such/program')).exitCode, 127)
    assert.equal((await inside('exit 125')).exitCode, 125, 'an exit code that the launch stages use as well')
  },
}

const takesInput: ConformanceCase = {
  name: 'passes stdin of any size, read or not, also as /dev/stdin',
  async check({ inside }) {
    const large = Buffer.alloc(3_000_000, 'z')
    assert.equal((await inside('wc -c', { stdin: large })).stdout.trim(), '3000000')
    assert.equal((await inside('echo ignored', { stdin: large })).stdout, 'ignored\n')
    assert.equal((await inside('cat /dev/stdin', { stdin: Buffer.from('again') })).stdout, 'again')
    assert.equal((await inside('cat', { stdin: Buffer.alloc(0) })).stdout, '')
    assert.equal((await inside('cat')).stdout, '', 'without stdin there is nothing to read')
  },
}

const reopensOutput: ConformanceCase = {
  name: '/dev/stdout, /dev/stderr and /dev/null work as usual',
  async check({ inside }) {
    const result = await inside(
      'echo a > /dev/stdout; echo b | tee /dev/stderr >/dev/null; printf c >> /proc/self/fd/1; cat < /dev/null',
    )
    assert.deepEqual([result.stdout, result.stderr, result.exitCode], ['a\nc', 'b\n', 0])
  },
}

const keepsWorkspace: ConformanceCase = {
  name: 'the workspace persists between executions and is visible on the host; /tmp does not persist',
  async check({ inside, workspace }) {
    await inside('echo kept > output/kept.txt; echo lost > /tmp/lost; echo lost > /dev/shm/lost')
    assert.equal((await inside('cat output/kept.txt; ls /tmp /dev/shm | grep lost')).stdout, 'kept\n')
    assert.deepEqual((await workspace.listOutput()).files, [{ path: 'kept.txt', sizeBytes: 5 }])
    assert.equal(await readFile(join(workspace.dir, 'output', 'kept.txt'), 'utf8'), 'kept\n')
  },
}

const readsClosedOutput: ConformanceCase = {
  name: 'output that the program has closed to its own user is kept',
  async check({ inside, workspace }) {
    await inside('cd output; mkdir sub; echo closed > sub/file; chmod 000 sub/file sub .')
    assert.deepEqual(await workspace.listOutput(), {
      files: [{ path: 'sub/file', sizeBytes: 7 }],
      refused: [],
      moreRefused: 0,
      isCut: false,
    })
    assert.equal(await text(await workspace.openOutput('sub/file')), 'closed\n')
  },
}

const startsInDirectory: ConformanceCase = {
  name: 'starts in /workspace or in the requested directory; a missing directory is an error, not a result',
  async check({ inside, sandbox }) {
    assert.equal((await inside('pwd; mkdir -p a/b')).stdout, '/workspace\n')
    assert.equal((await inside('pwd', { cwd: 'a/b' })).stdout, '/workspace/a/b\n')
    assert.equal((await inside('pwd', { cwd: '/tmp' })).stdout, '/tmp\n')
    await assert.rejects(
      sandbox.exec({ argv: ['true'], cwd: 'missing', timeoutMs: 60_000, outputBytesMax: 100 }),
      SandboxError,
    )
  },
}

const hasTools: ConformanceCase = {
  name: 'has the usual tools and user names, a writable workspace and no terminal',
  async check({ inside }) {
    const result = await inside(`
printf '3\\n1\\n2\\n' | sort | sed s/^/n/ | awk '{ print NR ":" $0 }' | tr '\\n' ' '
id -un; getent hosts localhost >/dev/null && echo resolves
[ ! -x /usr/bin/python3 ] || python3 -c 'print(sum(range(10)))' | grep -v 45
test -r /bin/sh && test -r /workspace/input && date +%Z`)
    assert.equal(result.stdout, '1:n1 2:n2 3:n3 agent\nresolves\nUTC\n', result.stderr)
  },
}

const runsSideBySide: ConformanceCase = {
  name: 'executions of one run can run in parallel',
  async check({ inside }) {
    const results = await Promise.all(Array.from({ length: 6 }, (_, index) => inside(`sleep 0.1; echo ${index}`)))
    assert.deepEqual(
      results.map(({ stdout }) => stdout),
      ['0\n', '1\n', '2\n', '3\n', '4\n', '5\n'],
    )
  },
}

const reopensWorkspace: ConformanceCase = {
  name: 'a workspace that is opened again, as after a restart, is still usable',
  async check({ inside, driver, workspace }) {
    await inside('echo old > file; chmod 600 file; mkdir -m 700 closed; echo deep > closed/file')
    const again = await driver.open({
      workspaceDir: workspace.dir,
      limits: {
        memoryBytes: 64 * 1024 * 1024,
        processesMax: 16,
        diskBytes: 1024 * 1024,
        cpuSeconds: 5,
      },
    })
    const result = await again.exec({
      argv: ['sh', '-c', 'cat file closed/file; echo new > file && cat file'],
      timeoutMs: 60_000,
      outputBytesMax: 1_000,
    })
    assert.equal(result.stdout, 'old\ndeep\nnew\n')
  },
}

const removesWorkspace: ConformanceCase = {
  name: 'a workspace is removed with closed directories, deep trees and unusual names',
  async check({ inside, workspace }) {
    const result = await inside(`
mkdir -p closed/inner; echo x > closed/inner/file; chmod 000 closed/inner closed
printf x > "$(printf 'line\\nbreak')"; printf x > "$(printf '\\377')"; mkfifo pipe; ln -s / top; touch -- -rf
perl -e '$name = "d" x 200; for (1..30) { mkdir $name and chdir $name or exit 1 }'`)
    assert.ok(result.exitCode === 0 || result.reason === 'disk-limit', result.stderr)
    await workspace.remove()
    assert.ok(!existsSync(workspace.dir))
  },
}

const seesNewInput: ConformanceCase = {
  name: 'sees input that the server adds',
  async check({ inside, workspace }) {
    await writeFile(join(workspace.dir, 'input', 'later.csv'), 'a,b\n1,2\n')
    assert.equal((await inside('cat input/later.csv')).stdout, 'a,b\n1,2\n')
  },
}

export const behaviourCases: readonly ConformanceCase[] = [
  reportsExits,
  takesInput,
  reopensOutput,
  keepsWorkspace,
  readsClosedOutput,
  startsInDirectory,
  hasTools,
  runsSideBySide,
  reopensWorkspace,
  removesWorkspace,
  seesNewInput,
]
