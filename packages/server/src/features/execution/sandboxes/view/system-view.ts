import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { findCovers, type Bind, type Cover } from './covers.ts'
import { readMounts } from './mounts.ts'

/** Name and content of the files in the sandbox's /etc that do not come from the host. */
export const etcFiles = {
  passwd:
    'root:x:0:0:root:/:/usr/sbin/nologin\nagent:x:1000:1000:agent:/workspace:/bin/sh\n' +
    'nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n',
  group: 'root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
} as const

/** The whole environment of an agent's program. */
export const environment = {
  PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/workspace',
  LANG: 'C.UTF-8',
  TMPDIR: '/tmp',
} as const

/** Where the sandbox has the Node that runs the server. Nothing else of the host is below /usr/local. */
export const nodePath = '/usr/local/bin/node'

// Programs and libraries. On a merged /usr, those at the root are links into /usr.
const systemPaths: readonly string[] = [
  ...['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'libexec', 'include'].map((name) => `/usr/${name}`),
  ...['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].map((name) => `/${name}`),
]
// What those programs read. Each costs a mount per execution. Debian's Node loads modules from nodejs and node_modules.
const sharedPaths = [
  ...['awk', 'ca-certificates', 'file', 'fontconfig', 'fonts', 'gawk', 'ghostscript', 'git-core', 'locale', 'misc'],
  ...['node_modules', 'nodejs', 'perl', 'perl5', 'poppler', 'python-wheels', 'python3', 'ruby', 'rubygems-integration'],
  ...['tcltk', 'terminfo', 'xml', 'zoneinfo'],
].map((name) => `/usr/share/${name}`)
// Debian's awk and others are links in alternatives.
const etcPaths = [
  ...['alternatives', 'fonts', 'ld.so.cache', 'mime.types', 'protocols', 'services', 'ssl/certs', 'ssl/openssl.cnf'],
].map((name) => `/etc/${name}`)

/** The paths without which no program runs. */
export const requiredPaths: readonly string[] = systemPaths

/** Every path of the host that a sandbox may see. */
export const viewedPaths: readonly string[] = [...systemPaths, ...sharedPaths, ...etcPaths]

/** What a sandbox sees of the host's files. All binds are read-only. */
export interface SystemView {
  /** Symbolic links in the root directory, each to a directory of the same name that is in the view. */
  readonly links: readonly { readonly path: string; readonly target: string }[]
  readonly binds: readonly Bind[]
  /** Paths inside of the binds that get an empty mount. */
  readonly covers: readonly Cover[]
  /** The real path of the Node that runs the server; undefined if the sandbox's user cannot reach it. */
  readonly node: string | undefined
}

export interface ViewOptions {
  /** Paths that must not be visible, whether they exist or not. */
  readonly hidden: readonly string[]
  /** Whether the programs run as another user than the server. */
  readonly dropsUser: boolean
}

/**
 * The allowed paths of the host that exist, without the hidden ones. Reads the file system anew each time: what is
 * mounted or linked can change while the server runs.
 */
export function describeView({ hidden, dropsUser }: ViewOptions): SystemView {
  const entries = viewedPaths.flatMap(describeEntry)
  const isLink = ({ path, source }: Bind) =>
    path !== source &&
    path === `/${basename(source)}` &&
    entries.some((other) => other.path === source && other.source === source)
  const { binds, covers } = findCovers(
    entries.filter((entry) => !isLink(entry)),
    { hidden, mounts: readMounts(), canEnter: (directory) => canEnter(directory, dropsUser) },
  )
  const links = entries.filter(isLink).map(({ path, source }) => ({ path, target: source }))
  return { links, binds, covers, node: findNode(dropsUser) }
}

function describeEntry(path: string): Bind[] {
  try {
    const source = realpathSync.native(path)
    return [{ path, source, isDirectory: statSync(source).isDirectory(), isRequired: requiredPaths.includes(path) }]
  } catch {
    // It does not exist, or the link leads nowhere.
    return []
  }
}

function findNode(dropsUser: boolean): string | undefined {
  const path = realpathSync.native(process.execPath)
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if (!canEnter(directory, dropsUser)) return undefined
    if (directory === dirname(directory)) return path
  }
}

function canEnter(directory: string, dropsUser: boolean): boolean {
  try {
    // The user to drop to owns nothing and is in no group.
    if (dropsUser) return (statSync(directory).mode & 0o001) !== 0
    accessSync(directory, constants.X_OK)
    return true
  } catch {
    return false
  }
}
