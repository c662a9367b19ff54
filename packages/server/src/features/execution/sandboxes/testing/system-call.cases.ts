import { assertAllFail } from './attempts.ts'
import type { ConformanceCase } from './conformance-case.ts'

// perl names the system calls by number; the numbers below are those of x86-64.
const refusedCalls = {
  unshare: '272, 0x10000000',
  'unshare of mounts': '272, 0x20000',
  'unshare of mounts and users': '272, 0x10020000',
  chroot: '161, "/tmp"',
  statmount: '457, 0, 0, 0, 0',
  listmount: '458, 0, 0, 0, 0',
  keyctl: '250, 0, -3, 0',
  bpf: '321, 0, 0, 0',
  perf_event_open: '298, 0, 0, -1, -1, 0',
  io_uring_setup: '425, 1, 0',
  userfaultfd: '323, 0',
  clone: '56, 0x10000011, 0, 0, 0, 0',
  clone3: '435, 0, 0',
  open_by_handle_at: '304, -1, 0, 0',
  mount: '165, "none", "/tmp", "tmpfs", 0, 0',
  setns: '308, 0, 0',
  add_key: '248, "user", "x", "y", 1, -3',
  'prctl that hides open files': '157, 4, 0, 0, 0, 0',
  'close_range that parts the files of threads': '436, 900, 901, 2',
  'clone of a thread with files of its own': '56, 0x10900, 0, 0, 0, 0',
  landlock_create_ruleset: '444, 0, 0, 1',
  'mmap of huge pages': '9, 0, 1 << 21, 3, 0x40022, -1, 0',
  'snapshot of a subvolume': '16, 0, 0x50009417, 0',
  'netlink socket of the packet filter': '41, 16, 3, 12',
  'netlink socket of the audit log': '41, 16, 3, 9',
  'lease of a file': '72, 0, 1024, 1',
  'watch of a folder by fcntl': '72, 0, 1026, 2',
  'delegation of a folder': '72, 0, 1040, 0',
  setxattr: '188, "/workspace", "user.x", "y", 1, 0',
}

const callsKernel: ConformanceCase = {
  name: 'a system call filter refuses namespaces, keyrings, BPF, io_uring and terminal injection',
  async check(subject) {
    const calls =
      process.arch === 'x64'
        ? Object.entries(refusedCalls).map(
            ([name, numbers]) => `
perl -e '@call = (${numbers}); $r = syscall(shift @call, @call);
  exit 0 if $r == -1 && grep { $! == $_ } 1, 12, 38, 95, 97;
  print "${name}: ", $r == -1 ? $! : "worked", "\\n"'`,
          )
        : []
    await assertAllFail(
      subject,
      `
grep -q '^Seccomp:.2$' /proc/self/status || echo 'no filter'
perl -e '$byte = "x"; for my $fd (0..2) { open F, "+<&=$fd"; ioctl(F, 0x5412, $byte) and print "typed into $fd\\n" }'
perl -e 'open T, "+<", "/dev/tty" and print "has a terminal\\n"'
perl -e 'open P, "+<", "/dev/ptmx" or exit; $byte = "x";
  ioctl(P, 0x5412, $byte) and print "typed into a terminal of its own\\n"'
${calls.join('')}`,
    )
  },
}

export const systemCallCases: readonly ConformanceCase[] = [callsKernel]
