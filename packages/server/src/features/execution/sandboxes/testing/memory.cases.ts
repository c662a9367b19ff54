import assert from 'node:assert/strict'
import type { ConformanceCase } from './conformance-case.ts'

// The numbers of the system calls are those of x86-64.
const mebibyte = 1024 * 1024

// Shared mappings that are filled, and then taken out of the page table: the kernel keeps their content.
const keepShared = `
my $filling = "x" x 65536;
pipe my $from, my $to;
for (1..12) {
  my $start = syscall 9, 0, 16 << 20, 3, 0x21, -1, 0;
  $start > 0 or exit 1;
  for (my $at = 0; $at < 16 << 20; $at += 65536) {
    syswrite $to, $filling, 65536;
    syscall 0, fileno $from, $start + $at, 65536;
  }
  syscall(28, $start, 16 << 20, 4) == 0 or exit 2;
}
sleep 40`

const limitsShared: ConformanceCase = {
  name: 'shared memory that is not in the page table of a process counts as memory',
  limits: { memoryBytes: 96 * mebibyte },
  async check({ inside }) {
    if (process.arch !== 'x64') return
    const result = await inside(`perl -e '${keepShared}'; exit 1`)
    assert.equal(result.reason, 'memory-limit', `exit code ${result.exitCode} ${result.stderr}`)
  },
}

const runsWorkerThreads: ConformanceCase = {
  name: 'worker threads of Node run in a sandbox with 1 GiB of memory, and their memory is limited',
  limits: { memoryBytes: 1024 * mebibyte },
  async check({ inside }) {
    const start = (program: string, threads: number) => `cat > worker.js <<'END'
const { Worker } = require('node:worker_threads')
for (let count = 0; count < ${threads}; count += 1)
  new Worker(${JSON.stringify(program)}, { eval: true }).on('message', (text) => console.log(text))
END
node worker.js`
    const works = await inside(start("require('node:worker_threads').parentPort.postMessage('works')", 4))
    assert.equal(works.stdout, 'works\n'.repeat(4), works.stderr)
    const fill = 'const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1))'
    const filled = await inside(`${start(fill, 1)}; exit 1`)
    assert.equal(filled.reason, 'memory-limit', `exit code ${filled.exitCode} ${filled.stderr}`)
  },
}

export const memoryCases: readonly ConformanceCase[] = [limitsShared, runsWorkerThreads]
