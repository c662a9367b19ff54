import assert from 'node:assert/strict'
import type { ExecResult } from '../sandbox.ts'
import type { ConformanceCase, Subject } from './conformance-case.ts'

// perl names the system calls by number; the numbers below are those of x86-64.
const mebibyte = 1024 * 1024
// Room enough that the files of the other cases, which run at the same time, do not count against one.
const roomy = 4096 * mebibyte
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
const perl = (program: string) => `perl -e ${quote(program)}`

/** Runs programs at once until one of them ends; each keeps what it holds. */
async function runAll({ inside }: Subject, programs: readonly string[]): Promise<ExecResult | undefined> {
  if (process.arch !== 'x64') return undefined
  const start = programs.map((program) => `${program} & pids="$pids $!"\n`).join('')
  const watch = 'while sleep 0.1; do for pid in $pids; do kill -0 $pid || exit 1; done; done'
  return inside(`exec 2>/dev/null\n${start}${watch}`, { timeoutMs: 60_000 })
}

function assertReason(result: ExecResult | undefined, reasons: readonly ExecResult['reason'][]): void {
  if (result === undefined) return
  assert.ok(
    reasons.includes(result.reason),
    `${result.reason} after ${result.durationMs} ms, exit code ${result.exitCode}: ${result.stdout} ${result.stderr}`,
  )
}

// Without a cgroup, programs get fewer open files.
async function hasCgroup({ inside }: Subject): Promise<boolean> {
  return (await inside('ulimit -n')).stdout !== '256\n'
}

/** Creates files of 7 MiB without a name, some 140 in all, and keeps each by `keep`, which closes the file. */
const keepFiles = (keep: string) => `
for my $number (1..140) {
  open my $file, "+>", "held$$.$number" or exit 1;
  syscall(285, fileno $file, 0, 0, 7 << 20) == 0 or syswrite $file, "x" x (7 << 20);
  unlink "held$$.$number";
  ${keep}
  select undef, undef, undef, 0.01;
}
sleep 60`

const mapFile = 'syscall(9, 0, 4096, 1, 1, fileno $file, 0); close $file;'

// Sends an open file over a socket, and nobody receives it.
const sendFile = `
sub keep_in_flight {
  my ($from, $number) = @_;
  my ($text, $data) = ("x");
  my $vector = pack "P Q", $text, 1;
  my $control = pack "Q l l l x4", 20, 1, 1, $number;
  $data = pack "Q L x4 P Q P Q l x4", 0, 0, $vector, 1, $control, length $control, 0;
  syscall(46, fileno $from, $data, 0) > 0 or select undef, undef, undef, 0.05;
}
use Socket;
socketpair our $from, our $to, AF_UNIX, SOCK_STREAM, 0;
`

const limitsMapped: ConformanceCase = {
  name: 'files without a name that are only mapped count against the disk limit',
  limits: { diskBytes: 8 * mebibyte },
  async check(subject) {
    assertReason(await runAll(subject, [perl(keepFiles(mapFile))]), ['disk-limit'])
  },
}

const limitsInFlight: ConformanceCase = {
  name: 'files without a name that are on their way through a socket count against the disk limit',
  limits: { diskBytes: 8 * mebibyte },
  async check(subject) {
    const program = perl(sendFile + keepFiles('keep_in_flight($from, fileno $file); close $file;'))
    assertReason(await runAll(subject, [program]), ['disk-limit'])
  },
}

// A name that is listed is gone when the directory is opened: it has one of two names, at every level.
const renameDirs = `
my @paths = ("");
for my $level (1..10) { mkdir "$paths[-1]d"; push @paths, "$paths[-1]d/" }
for my $level (0..$#paths - 1) {
  fork and next;
  chdir $paths[$level] || ".";
  while (1) { rename "d", "e"; rename "e", "d" }
}
chdir $paths[-1];
select undef, undef, undef, 0.5;
for (1..300) {
  open my $file, ">", "f$_";
  syscall(285, fileno $file, 0, 0, 3 << 20) == 0 or syswrite $file, "x" x (3 << 20);
}
sleep 60`

const limitsRenamed: ConformanceCase = {
  name: 'files below directories that are renamed all the time count against the disk limit',
  limits: { diskBytes: 8 * mebibyte, cpuSeconds: 40 },
  async check(subject) {
    assertReason(await runAll(subject, [perl(renameDirs)]), ['disk-limit'])
  },
}

// Ends the first thread, as pthread_exit(3) does in main(), while another one works.
const inThread = (program: string) =>
  `perl -Mthreads -e ${quote(`threads->create(sub { ${program} }); syscall(60, 0)`)}`
const hasThreads = 'perl -Mthreads -e 1'

const limitsFilesOfThreads: ConformanceCase = {
  name: 'the files of a process whose first thread has ended count against the disk limit',
  limits: { diskBytes: 8 * mebibyte },
  async check(subject) {
    if ((await subject.inside(hasThreads)).exitCode !== 0) return
    assertReason(await runAll(subject, [inThread(keepFiles('push @kept, $file;'))]), ['disk-limit'])
  },
}

const limitsMemoryOfThreads: ConformanceCase = {
  name: 'the memory of a process whose first thread has ended is counted',
  limits: { memoryBytes: 96 * mebibyte, diskBytes: roomy },
  async check(subject) {
    if ((await subject.inside(hasThreads)).exitCode !== 0) return
    const hold = inThread('$text = "x" x (15 << 20); $text =~ tr/x/y/; sleep 60')
    assertReason(
      await runAll(
        subject,
        Array.from({ length: 8 }, () => hold),
      ),
      ['memory-limit'],
    )
  },
}

const limitsHidden: ConformanceCase = {
  name: 'a process whose open files cannot be read does not evade the disk limit',
  limits: { diskBytes: 16 * mebibyte },
  async check(subject) {
    await subject.inside('cp /usr/bin/perl hidden; chmod 111 hidden')
    const result = await runAll(subject, [perl(keepFiles('push @kept, $file;')).replace('perl', './hidden')])
    assertReason(result, ['disk-limit', 'hidden-process'])
    const briefly = await subject.inside('./hidden -e 1; ./hidden -e "print 42"')
    assert.deepEqual([briefly.stdout, briefly.reason], ['42', 'exited'], briefly.stderr)
  },
}

const limitsPageTables: ConformanceCase = {
  name: 'page tables count as memory',
  limits: { memoryBytes: 96 * mebibyte, diskBytes: roomy },
  async check(subject) {
    const program = perl(`
my $start = syscall(9, 0, 1 << 40, 1, 0x4022, -1, 0);
unpack "P1", pack "Q", $start + ($_ << 21) for 0..200_000;
sleep 60`)
    assertReason(await runAll(subject, [program]), ['memory-limit'])
  },
}

const limitsEmptyFiles: ConformanceCase = {
  name: 'empty files in /tmp and /dev/shm are few, or count as memory',
  limits: { memoryBytes: 96 * mebibyte, diskBytes: roomy },
  async check(subject) {
    const program = perl(`
for my $dir ("/tmp", "/dev/shm") { open my $file, ">", "$dir/$_" or last for 1..120_000 }
for my $dir ("/tmp", "/dev/shm") { opendir(my $names, $dir) or next; my @names = readdir $names; $count += @names }
syswrite STDOUT, $count;
sleep 60 if $count > 45_000`)
    const result = await runAll(subject, [program])
    assertReason(result, ['memory-limit', 'exited'])
    if (result?.reason === 'exited') assert.match(result.stdout, /^\d{2,5}$/)
  },
}

const limitsSockets: ConformanceCase = {
  name: 'sockets that are on their way through another socket count as memory',
  limits: { memoryBytes: 24 * mebibyte, diskBytes: roomy },
  async check(subject) {
    const program = perl(`${sendFile}
my $bytes = "x" x 32768;
for (1..120) {
  socketpair my $a, my $b, AF_UNIX, SOCK_STREAM, 0;
  for my $end ($a, $b) { 1 while syscall(44, fileno $end, $bytes, 32768, 0x40, 0, 0) > 0 }
  keep_in_flight($from, fileno $_) for $a, $b;
}
sleep 60`)
    assertReason(await runAll(subject, [program]), ['memory-limit'])
  },
}

const limitsKernelObjects: ConformanceCase = {
  name: 'semaphores and watched events are refused or limited',
  limits: { memoryBytes: 96 * mebibyte, diskBytes: roomy },
  async check(subject) {
    const semaphores = await runAll(subject, [
      perl('for (1..400) { syscall(64, 0, 32000, 0600) >= 0 or exit 1 } syswrite STDOUT, "created"; sleep 60'),
    ])
    assertReason(semaphores, ['memory-limit', 'exited'])
    assert.notEqual(semaphores?.stdout, 'created')
    const watches = perl(`
my $event = pack "L Q", 1, 0;
for my $epoll (1..150) {
  my $set = syscall(291, 0);
  push @events, syscall(290, 0, 0) if @events < 60;
  syscall(233, $set, 1, $_, $event) for @events;
}
sleep 60`)
    assertReason(
      await runAll(
        subject,
        Array.from({ length: 10 }, () => watches),
      ),
      ['memory-limit'],
    )
  },
}

const limitsLocks: ConformanceCase = {
  name: 'locks of parts of files count as memory',
  limits: { memoryBytes: 24 * mebibyte, diskBytes: roomy },
  async check(subject) {
    if (await hasCgroup(subject)) return
    const program = perl(`
for my $number (1..40) {
  open my $file, "+>", "locked$$.$number";
  fcntl $file, 6, pack "s s x4 q q l x4", 1, 0, 2 * $_, 1, 0 for reverse 1..1000;
  push @kept, $file;
}
sleep 60`)
    assertReason(
      await runAll(
        subject,
        Array.from({ length: 4 }, () => program),
      ),
      ['memory-limit'],
    )
  },
}

const staysFirstVictim: ConformanceCase = {
  name: 'a program cannot keep the kernel from ending it before the server when memory runs out',
  async check(subject) {
    if (await hasCgroup(subject)) return
    const { stdout } = await subject.inside(`
score=/proc/$$/oom_score_adj count=0
echo 0 2>/dev/null > $score
while [ "$(cat $score)" != 500 ] && [ $count -lt 100 ]; do sleep 0.1; count=$((count + 1)); done
cat $score`)
    assert.equal(stdout, '500\n')
  },
}

const limitsInput: ConformanceCase = {
  name: 'the file of the standard input cannot be used as uncounted memory',
  limits: { memoryBytes: 64 * mebibyte, diskBytes: roomy },
  async check({ inside }) {
    const result = await inside(
      'chmod 600 /proc/self/fd/0; head -c 200M /dev/zero > /proc/self/fd/0 && sleep 40; exit 1',
      { stdin: Buffer.from('text') },
    )
    const isRefused = result.reason === 'exited' && /Permission denied|cannot create/.test(result.stderr)
    assert.ok(isRefused || result.reason === 'memory-limit', `${result.reason} ${result.stderr}`)
  },
}

export const accountingCases: readonly ConformanceCase[] = [
  limitsMapped,
  limitsInFlight,
  limitsRenamed,
  limitsFilesOfThreads,
  limitsMemoryOfThreads,
  limitsHidden,
  limitsPageTables,
  limitsEmptyFiles,
  limitsSockets,
  limitsKernelObjects,
  limitsLocks,
  staysFirstVictim,
  limitsInput,
]
