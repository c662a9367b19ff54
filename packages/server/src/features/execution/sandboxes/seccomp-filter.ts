const errno = { EPERM: 1, ENOSYS: 38, EAFNOSUPPORT: 97 } as const
const cloneNamespaceFlags = 0x7e020000
const cloneNewMountNamespace = 0x00020000
const socketFamilies = { unix: 1, inet: 2, inet6: 10, netlink: 16 } as const
const terminalInjection = { TIOCSTI: 0x5412, TIOCLINUX: 0x541c } as const

interface SyscallTable {
  readonly auditArch: number
  readonly prctl: number
  readonly clone: number
  readonly chroot: number
  readonly unshare: number
  readonly socket: number
  readonly ioctl: number
  /** Calls for memory that only a cgroup accounts for: memfd_create, shmget. */
  readonly anonymousMemory: readonly number[]
  readonly refused: readonly number[]
}

// io_uring (3), open_tree … fspick (6), mount_setattr, quotactl_fd, memfd_secret, statmount, listmount,
// open_tree_attr: the numbers are the same on all architectures.
const refusedEverywhere = [425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 443, 447, 457, 458, 467]
const clone3 = 435

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
    anonymousMemory: [319, 29],
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
    anonymousMemory: [279, 194],
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
    ...refuse(clone3, errno.ENOSYS),
    ...(options.entersMountNamespace
      ? whenCalled(table.unshare, [loadArgument(0), jumpIfEqual(cloneNewMountNamespace), allow(), fail(errno.EPERM)])
      : [table.unshare, table.chroot].flatMap((number) => refuse(number, errno.EPERM))),
    ...whenCalled(table.clone, [loadArgument(0), jumpIfAnyBit(cloneNamespaceFlags), fail(errno.EPERM), allow()]),
    ...whenCalled(table.ioctl, [
      loadArgument(1),
      ...Object.values(terminalInjection).flatMap((request) => [jumpIfEqual(request), fail(errno.EPERM)]),
      allow(),
    ]),
    ...whenCalled(table.socket, [
      loadArgument(0),
      ...Object.values(socketFamilies).flatMap((family) => [jumpIfEqual(family), allow()]),
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

function onlyArchitecture(auditArch: number, hasX32: boolean): Buffer[] {
  const native = [load(4), instruction(0x15, auditArch, { whenTrue: 1, whenFalse: 0 }), fail(errno.ENOSYS), load(0)]
  // x32 calls have the same architecture value but other numbers, so they would bypass the list.
  return hasX32 ? [...native, instruction(0x35, 0x40000000, { whenTrue: 0, whenFalse: 1 }), fail(errno.ENOSYS)] : native
}
