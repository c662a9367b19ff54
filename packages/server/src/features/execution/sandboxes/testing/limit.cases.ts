import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import type { ConformanceCase } from './conformance-case.ts'

const mebibyte = 1024 * 1024

const limitsProcesses: ConformanceCase = {
  name: 'cannot start more processes than allowed',
  limits: { processesMax: 16 },
  async check({ inside }) {
    const result = await inside('n=0; while [ $n -lt 100 ]; do sleep 50 & n=$((n + 1)); echo $n; done 2>/dev/null')
    const started = Number(result.stdout.trim().split('\n').pop())
    assert.ok(started >= 10 && started <= 24, `started ${started}`)
    assert.notEqual(result.exitCode, 0)
  },
}

const limitsMemoryOfOne: ConformanceCase = {
  name: 'a process cannot allocate more memory than allowed',
  limits: { memoryBytes: 64 * mebibyte },
  async check({ inside }) {
    const result = await inside('perl -e \'$text = "x" x (200 << 20); sleep 40\'; exit 1')
    assert.equal(result.reason, 'memory-limit', `exit code ${result.exitCode}`)
    const within = await inside('perl -e \'$text = "x" x (20 << 20); print length $text\'')
    assert.equal(within.stdout, String(20 * mebibyte))
  },
}

const limitsMemoryOfAll: ConformanceCase = {
  name: 'processes that use too much memory together end with memory-limit',
  limits: { memoryBytes: 96 * mebibyte },
  async check({ inside }) {
    const hog = 'perl -e \'$text = "x" x (20 << 20); $text =~ tr/x/y/; sleep 40\' &'
    const result = await inside(`${hog.repeat(8)} wait; exit 1`)
    assert.equal(result.reason, 'memory-limit', `ended by ${result.reason} after ${result.durationMs} ms`)
  },
}

// Fills sockets until their buffers are full, and keeps them.
const fillSockets = `
use Socket;
$SIG{PIPE} = "IGNORE";
for (1..480) {
  socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or last;
  $a->blocking(0);
  1 while syswrite $a, "x" x 32768;
  push @kept, $a, $b;
}
sleep 40`

const limitsKernelMemory: ConformanceCase = {
  name: 'processes that hold too much memory in sockets end with memory-limit',
  limits: { memoryBytes: 96 * mebibyte },
  async check({ inside }) {
    const fill = `perl -MIO::Handle -e '${fillSockets}' &`
    const result = await inside(`${fill.repeat(4)} wait; exit 1`)
    assert.equal(result.reason, 'memory-limit', `ended by ${result.reason} after ${result.durationMs} ms`)
  },
}

const limitsTemporary: ConformanceCase = {
  name: '/tmp and /dev/shm are small',
  limits: { memoryBytes: 64 * mebibyte },
  async check({ inside }) {
    const result = await inside(
      'for dir in /tmp /dev/shm; do head -c 30M /dev/zero > $dir/fill 2>/dev/null && echo $dir; rm $dir/fill; done; ' +
        'echo 1 > /tmp/fits && cat /tmp/fits',
    )
    assert.equal(result.stdout, '1\n')
  },
}

const limitsFileSize: ConformanceCase = {
  name: 'one file cannot grow beyond the disk limit',
  limits: { diskBytes: 8 * mebibyte },
  async check({ inside }) {
    const result = await inside('head -c 64M /dev/zero > big; code=$?; wc -c < big; exit $code')
    assert.equal(result.reason, 'disk-limit', result.stderr)
    assert.ok(Number(result.stdout) <= 8 * mebibyte)
  },
}

const limitsDisk: ConformanceCase = {
  name: 'many files together end the execution with disk-limit; the full workspace can then only be cleaned up',
  limits: { diskBytes: 8 * mebibyte },
  async check({ inside }) {
    const filled = await inside(
      'n=0; while [ $n -lt 400 ]; do head -c 1M /dev/zero > file$n; n=$((n + 1)); sleep 0.01; done; sleep 40',
    )
    assert.equal(filled.reason, 'disk-limit')
    const refused = await inside('echo more > another; test -s another')
    assert.notEqual(refused.exitCode, 0, 'nothing can be written')
    const cleaned = await inside('rm -f file* && echo cleaned')
    assert.equal(cleaned.stdout, 'cleaned\n')
    assert.equal((await inside('echo more > another && cat another')).stdout, 'more\n')
  },
}

const limitsUnlinked: ConformanceCase = {
  name: 'files without a name count against the disk limit',
  limits: { diskBytes: 8 * mebibyte },
  async check({ inside }) {
    const result = await inside(
      'for fd in 4 5 6; do eval "exec $fd> hidden"; rm hidden; eval "head -c 6M /dev/zero >&$fd"; done; sleep 40',
    )
    assert.equal(result.reason, 'disk-limit')
  },
}

const limitsHidden: ConformanceCase = {
  name: 'deep or closed directories do not hide files from the disk limit',
  limits: { diskBytes: 8 * mebibyte },
  async check({ inside }) {
    const deep = await inside(
      `perl -e '$name = "d" x 200; for (1..30) { mkdir $name and chdir $name or exit 1 } sleep 40'`,
    )
    assert.equal(deep.reason, 'disk-limit', 'deeper than the longest path')
    await inside('rm -rf ddd*')
    const closed = await inside(
      'mkdir closed; chmod 311 closed; for n in 1 2 3; do head -c 6M /dev/zero > closed/$n; done; sleep 40',
    )
    assert.equal(closed.reason, 'disk-limit', 'in a directory that cannot be listed')
  },
}

const limitsFileCount: ConformanceCase = {
  name: 'the number of files is limited',
  limits: { filesMax: 300 },
  async check({ inside }) {
    const result = await inside('n=0; while [ $n -lt 100000 ]; do : > f$n; n=$((n + 1)); done; sleep 40')
    assert.equal(result.reason, 'disk-limit')
  },
}

const limitsFileBurst: ConformanceCase = {
  name: 'many files that are made at once are noticed before there are many more than allowed',
  limits: { filesMax: 20_000, cpuSeconds: 100, diskBytes: 1024 * mebibyte },
  async check({ inside, workspace }) {
    const make = (from: number, to: number) => `perl -e 'for (${from}..${to}) { open my $file, ">", "f$_" }'`
    // So many files take long to measure, so the next measurement is far away when the others are made.
    const result = await inside(`${make(1, 19_000)}; sleep 2; ${make(19_001, 320_000)}`)
    assert.equal(result.reason, 'disk-limit')
    const { length } = await readdir(workspace.dir)
    assert.ok(length < 100_000, `${length} files`)
    const cleaned = await inside("find . -name 'f*' -delete && echo cleaned")
    assert.equal(cleaned.stdout, 'cleaned\n', 'what is too much can be removed')
  },
}

const limitsCpu: ConformanceCase = {
  name: 'CPU time is limited',
  limits: { cpuSeconds: 1 },
  async check({ inside }) {
    const result = await inside('while :; do :; done')
    assert.equal(result.reason, 'exited')
    assert.ok(result.exitCode === 137 || result.exitCode === 152, `exit code ${result.exitCode}`)
  },
}

const limitsOutput: ConformanceCase = {
  name: 'a flood of output is drained, cut in the middle and does not stop the program',
  async check({ inside }) {
    const result = await inside(
      'echo first; yes | head -c 20M; echo last; yes e | head -c 1M >&2; echo end > finished',
      { outputBytesMax: 10_000 },
    )
    assert.equal(result.exitCode, 0)
    assert.ok(result.stdout.startsWith('first\ny\n') && result.stdout.endsWith('y\nlast\n'))
    assert.ok(result.stdout.length < 10_100 && result.stderr.length < 10_100)
    assert.deepEqual([result.stdoutTruncated, result.stderrTruncated], [true, true])
    assert.equal((await inside('cat finished')).stdout, 'end\n')
  },
}

const limitsOpenFiles: ConformanceCase = {
  name: 'limits open files and writes no core',
  async check({ inside }) {
    const result = await inside('ulimit -n; ulimit -c')
    assert.match(result.stdout, /^(256|1024)\n0\n$/)
  },
}

export const limitCases: readonly ConformanceCase[] = [
  limitsProcesses,
  limitsMemoryOfOne,
  limitsMemoryOfAll,
  limitsKernelMemory,
  limitsTemporary,
  limitsFileSize,
  limitsDisk,
  limitsUnlinked,
  limitsHidden,
  limitsFileCount,
  limitsFileBurst,
  limitsCpu,
  limitsOutput,
  limitsOpenFiles,
]
