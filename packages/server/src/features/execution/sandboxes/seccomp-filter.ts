const errno = { EPERM: 1, ENOMEM: 12, ENOSYS: 38, EOPNOTSUPP: 95, EAFNOSUPPORT: 97 } as const
const cloneNamespaceFlags = 0x7e020000
const cloneNewMountNamespace = 0x00020000
const socketFamilies = { unix: 1, inet: 2, inet6: 10 } as const
const netlinkFamily = 16
const netlinkRoute = 0
const threadFlags = { CLONE_THREAD: 0x10000, CLONE_FILES: 0x400 } as const
const closeRangeUnshare = 2
const setDumpable = 4
const mapHuge = 0x40000
// FICLONE, FICLONERANGE, FIDEDUPERANGE: all that other file systems know of the ioctl numbers of btrfs.
const cloneIoctls = [0x40049409, 0x4020940d, 0xc0189436]
const ioctlTypeMask = 0xff00
const subvolumeTypes = { btrfs: 0x9400, bcachefs: 0xbc00 } as const
const solSocket = 1
const socketBuffers = { SO_SNDBUF: 7, SO_RCVBUF: 8 } as const
const socketFilters = { SO_ATTACH_FILTER: 26, SO_ATTACH_BPF: 50, REUSEPORT_CBPF: 51, REUSEPORT_EBPF: 52 } as const
// While a lease lasts, the server waits when it opens the file. F_NOTIFY watches a directory.
const leaseCommands = { F_SETLEASE: 1024, F_NOTIFY: 1026, F_SETDELEG: 1040 } as const
const terminalInjection = { TIOCSTI: 0x5412, TIOCLINUX: 0x541c } as const

interface SyscallTable {
  readonly auditArch: number
  readonly prctl: number
  readonly clone: number
  readonly chroot: number
  readonly unshare: number
  readonly socket: number
  readonly ioctl: number
  readonly fcntl: number
  readonly mmap: number
  readonly setsockopt: number
  /** setxattr, lsetxattr, fsetxattr: some file systems do not count attributes in the size of a file. */
  readonly attributes: readonly number[]
  /** Calls for memory that only a cgroup accounts for: memfd_create, shmget, semget, msgget, vmsplice, io_setup. */
  readonly anonymousMemory: readonly number[]
  readonly refused: readonly number[]
}

// io_uring (3), open_tree … fspick (6), mount_setattr, quotactl_fd, memfd_secret, statmount, listmount,
// open_tree_attr: the numbers are the same on all architectures.
const refusedEverywhere = [425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 443, 447, 457, 458, 467]
const clone3 = 435
const closeRange = 436
const setxattrat = 463
// landlock_create_ruleset, landlock_add_rule, landlock_restrict_self: a rule keeps a deleted file in existence.
const landlock = [444, 445, 446]

// `refused` lists, in this order: mount, umount2, pivot_root, acct, swapon, swapoff, reboot, init_module,
// delete_module, finit_module, kexec_load, kexec_file_load, add_key, request_key, keyctl, setns,
// perf_event_open, bpf, userfaultfd, name_to_handle_at, open_by_handle_at, fanotify_init, syslog, quotactl.
const tables: Readonly<Record<string, SyscallTable>> = {
  x64: {
    auditArch: 0xc000003e,
    prctl: 157,
    clone: 56,
    chroot: 161,
    unshare: 272,
    socket: 41,
    ioctl: 16,
    fcntl: 72,
    mmap: 9,
    setsockopt: 54,
    attributes: [188, 189, 190],
    anonymousMemory: [319, 29, 64, 68, 278, 206],
    refused: [
      165, 166, 155, 163, 167, 168, 169, 175, 176, 313, 246, 320, 248, 249, 250, 308, 298, 321, 323, 303, 304, 300, 103,
      179,
    ],
  },
  arm64: {
    auditArch: 0xc00000b7,
    prctl: 167,
    clone: 220,
    chroot: 51,
    unshare: 97,
    socket: 198,
    ioctl: 29,
    fcntl: 25,
    mmap: 222,
    setsockopt: 208,
    attributes: [5, 6, 7],
    anonymousMemory: [279, 194, 190, 186, 75, 0],
    refused: [
      40, 39, 41, 89, 224, 225, 142, 105, 106, 273, 104, 294, 217, 218, 219, 268, 241, 280, 282, 264, 265, 262, 116, 60,
    ],
  },
}

export interface SeccompFilter {
  /** A classic BPF program, as the kernel reads it. */
  readonly program: Buffer
  /** The number of prctl(2), for a loader that has no C library binding. */
  readonly prctlNumber: number
}

export interface FilterOptions {
  readonly memoryIsAccounted: boolean
  /** Whether a cgroup counts the buffers of sockets too. */
  readonly socketsAreAccounted: boolean
  /**
   * Allows what the steps after the loading of the filter need: a new mount namespace alone, and another root. Without
   * capabilities, which those steps drop, the kernel refuses both.
   */
  readonly entersMountNamespace: boolean
}

/**
 * Refuses system calls that tools never need and that often have kernel bugs: namespaces, mounts, keyrings, BPF,
 * io_uring, and socket families that a network namespace does not contain (vsock). Undefined on an architecture without
 * a table.
 */
export function createSeccompFilter(architecture: string, options: FilterOptions): SeccompFilter | undefined {
  const table = tables[architecture]
  if (table === undefined) return undefined
  const program = [
    ...onlyArchitecture(table.auditArch, architecture === 'x64'),
    ...[...table.refused, ...refusedEverywhere].flatMap((number) => refuse(number, errno.EPERM)),
    ...(options.memoryIsAccounted ? [] : table.anonymousMemory.flatMap((number) => refuse(number, errno.ENOSYS))),
    ...[clone3, ...landlock].flatMap((number) => refuse(number, errno.ENOSYS)),
    ...[...table.attributes, setxattrat].flatMap((number) => refuse(number, errno.EOPNOTSUPP)),
    ...(options.entersMountNamespace
      ? whenCalled(table.unshare, [loadArgument(0), jumpIfEqual(cloneNewMountNamespace), allow(), fail(errno.EPERM)])
      : [table.unshare, table.chroot].flatMap((number) => refuse(number, errno.EPERM))),
    ...whenCalled(table.clone, [
      loadArgument(0),
      jumpIfAnyBit(cloneNamespaceFlags),
      fail(errno.EPERM),
      ...keepsFilesTogether,
    ]),
    ...whenCalled(closeRange, [loadArgument(2), jumpIfAnyBit(closeRangeUnshare), fail(errno.EPERM), allow()]),
    ...whenCalled(table.prctl, staysReadable),
    ...whenCalled(table.setsockopt, limitSocketOptions(options)),
    ...whenCalled(table.ioctl, limitedIoctl),
    ...whenCalled(table.fcntl, [
      loadArgument(1),
      ...Object.values(leaseCommands).flatMap((command) => [jumpIfEqual(command), fail(errno.EPERM)]),
      allow(),
    ]),
    // Pages of the host's own pool, which no limit of memory counts.
    ...whenCalled(table.mmap, [loadArgument(3), jumpIfAnyBit(mapHuge), fail(errno.ENOMEM), allow()]),
    ...whenCalled(table.socket, [
      loadArgument(0),
      ...Object.values(socketFamilies).flatMap((family) => [jumpIfEqual(family), allow()]),
      instruction(0x15, netlinkFamily, { whenTrue: 1, whenFalse: 0 }),
      fail(errno.EAFNOSUPPORT),
      // The C library lists network interfaces by it; the other protocols configure the kernel.
      loadArgument(2),
      jumpIfEqual(netlinkRoute),
      allow(),
      fail(errno.EAFNOSUPPORT),
    ]),
    allow(),
  ]
  return { program: Buffer.concat(program), prctlNumber: table.prctl }
}

function instruction(
  code: number,
  operand: number,
  jumps: { whenTrue: number; whenFalse: number } = { whenTrue: 0, whenFalse: 0 },
): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt16LE(code, 0)
  bytes.writeUInt8(jumps.whenTrue, 2)
  bytes.writeUInt8(jumps.whenFalse, 3)
  bytes.writeUInt32LE(operand >>> 0, 4)
  return bytes
}

const load = (offset: number) => instruction(0x20, offset)
const loadArgument = (index: number) => load(16 + 8 * index)
// Both tests fall through to the next instruction when true, and skip it when false.
const jumpIfEqual = (value: number) => instruction(0x15, value, { whenTrue: 0, whenFalse: 1 })
const jumpIfAnyBit = (mask: number) => instruction(0x45, mask, { whenTrue: 0, whenFalse: 1 })
const fail = (code: number) => instruction(0x06, 0x00050000 | code)
const allow = () => instruction(0x06, 0x7fff0000)

const refuse = (number: number, code: number) => [jumpIfEqual(number), fail(code)]

const whenCalled = (number: number, body: readonly Buffer[]) => [
  instruction(0x15, number, { whenTrue: 0, whenFalse: body.length }),
  ...body,
]

// Threads share their open files, so that a look at one of them finds all.
const keepsFilesTogether = [
  instruction(0x45, threadFlags.CLONE_THREAD, { whenTrue: 1, whenFalse: 0 }),
  allow(),
  jumpIfAnyBit(threadFlags.CLONE_FILES),
  allow(),
  fail(errno.EPERM),
]

// Open files of a process that is not dumpable cannot be looked at by an ordinary user.
const staysReadable = [
  loadArgument(0),
  instruction(0x15, setDumpable, { whenTrue: 1, whenFalse: 0 }),
  allow(),
  loadArgument(1),
  jumpIfEqual(1),
  allow(),
  fail(errno.EPERM),
]

// A snapshot of a btrfs subvolume in the workspace would contain all other files of the subvolume.
const limitedIoctl = [
  loadArgument(1),
  ...Object.values(terminalInjection).flatMap((request) => [jumpIfEqual(request), fail(errno.EPERM)]),
  ...cloneIoctls.flatMap((request) => [jumpIfEqual(request), allow()]),
  instruction(0x54, ioctlTypeMask),
  ...Object.values(subvolumeTypes).flatMap((type) => [jumpIfEqual(type), fail(errno.EPERM)]),
  allow(),
]

// Filters of sockets take memory that is shared by all users. Where no cgroup counts it, the size of buffers stays the
// default; programs are told that it was set, as the kernel does with a size above its limit.
function limitSocketOptions({ socketsAreAccounted }: FilterOptions): Buffer[] {
  return [
    loadArgument(1),
    instruction(0x15, solSocket, { whenTrue: 1, whenFalse: 0 }),
    allow(),
    loadArgument(2),
    ...Object.values(socketFilters).flatMap((option) => [jumpIfEqual(option), fail(errno.EPERM)]),
    ...Object.values(socketsAreAccounted ? {} : socketBuffers).flatMap((option) => [jumpIfEqual(option), fail(0)]),
    allow(),
  ]
}

function onlyArchitecture(auditArch: number, hasX32: boolean): Buffer[] {
  const native = [load(4), instruction(0x15, auditArch, { whenTrue: 1, whenFalse: 0 }), fail(errno.ENOSYS), load(0)]
  // x32 calls have the same architecture value but other numbers, so they would bypass the list.
  return hasX32 ? [...native, instruction(0x35, 0x40000000, { whenTrue: 0, whenFalse: 1 }), fail(errno.ENOSYS)] : native
}
