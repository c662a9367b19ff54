// own-process: starts processes as other users, in mount namespaces.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { basename, join, resolve } from 'node:path'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const isRoot = process.geteuid?.() === 0
const repository = resolve(import.meta.dirname, '../../../../../../..')
const ordinaryUid = 65_534
const noSecret = { stdout: '', stderr: '', exitCode: 0 }

const Look = Type.Object({
  stdout: Type.Optional(Type.String()),
  stderr: Type.Optional(Type.String()),
  exitCode: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  refused: Type.Optional(Type.String()),
})

/** The directories of a server, below a directory of the host that sandboxes see in whole, in part or not at all. */
interface Site {
  readonly root: string
  readonly isShown: boolean
  readonly socket: Server
}

const parents = [
  { parent: '/usr/lib', isShown: true },
  { parent: '/usr/bin', isShown: true },
  { parent: '/usr/share/perl', isShown: true },
  { parent: '/usr/share', isShown: false },
  { parent: '/usr/local', isShown: false },
]

// Everything here is hidden, except shared.txt.
async function openSite({ parent, isShown }: (typeof parents)[number], uid: number): Promise<Site> {
  const root = mkdtempSync(join(parent, 'appstrate-test-'))
  chmodSync(root, 0o755)
  for (const name of ['data', 'home', 'tmp', 'code', 'volume with blank', 'closed', 'closed/data', 'work', 'bound'])
    mkdirSync(join(root, name))
  const files = [
    'data/secrets.json',
    'home/key',
    'tmp/key',
    'closed/data/key',
    'bound/key',
    'prices.json',
    'ca.pem',
    'shared.txt',
  ]
  for (const name of files) writeFileSync(join(root, name), `secret of ${name}\n`)
  symlinkSync(join(root, 'data'), join(root, 'data-link'))
  const socket = createServer((connection) => connection.destroy()).listen(join(root, 'data', 'socket'))
  await once(socket, 'listening')
  for (const name of ['data', 'home', 'tmp', 'work', 'closed', 'data/secrets.json', 'data/socket'])
    chownSync(join(root, name), uid, uid)
  chmodSync(join(root, 'data/socket'), 0o777)
  chmodSync(join(root, 'closed'), 0o700)
  return { root, isShown, socket }
}

// HOME and the temporary directory of the server are in the first site, without being named.
function hiddenOf({ root }: Site, index: number): { name: string; path: string }[] {
  return [
    ...(index === 0 ? [] : ['home', 'tmp'].map((name) => ({ name, path: join(root, name) }))),
    { name: 'DATA_DIR', path: join(root, 'data-link') },
    { name: 'MODEL_PRICES', path: join(root, 'prices.json') },
    { name: 'NODE_EXTRA_CA_CERTS', path: join(root, 'ca.pem') },
    { name: 'CLOSED', path: join(root, 'closed/data') },
    { name: 'BOUND', path: join('/media', basename(root)) },
    { name: 'MISSING', path: join(root, 'missing') },
  ]
}

interface Lookout {
  readonly driver: string
  readonly uid: number
  readonly hidden: readonly { name: string; path: string }[]
  readonly script: string
}

/**
 * Starts a server with its code, HOME and temporary directory in the first site. In each site a volume is mounted, and
 * a directory is bound to /media, by which name the server knows it.
 */
function look([first, ...others]: readonly Site[], { driver, uid, hidden, script }: Lookout): Static<typeof Look> {
  if (first === undefined) throw new Error('There is no site.')
  const code = join(first.root, 'code')
  const program = join(code, 'packages/server/src/features/execution/sandboxes/testing/look-process.ts')
  const options = JSON.stringify({ hidden, dir: join(first.root, 'work'), script })
  const roots = [first, ...others].map(({ root }) => root)
  const prepare =
    'mount --bind "$1" "$2" && mount -t tmpfs none /media && shift 2 || exit; while [ "$1" != -- ]; do ' +
    'mount -t tmpfs none "$1/volume with blank" && echo secret of a volume > "$1/volume with blank/key" && ' +
    'mkdir "/media/${1##*/}" && mount --bind "$1/bound" "/media/${1##*/}" && shift || exit; done; ' +
    'shift; cd / && exec "$@"'
  const drop = uid === 0 ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--']
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [
      ...['--mount', '--propagation', 'private', '--', 'sh', '-c', prepare, 'prepare', repository, code, ...roots],
      ...['--', ...drop, join(code, 'node_modules/.bin/node'), program, driver, options],
    ],
    {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: join(first.root, 'home'), TMPDIR: join(first.root, 'tmp') },
    },
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return Value.Parse(Look, JSON.parse(stdout))
}

// Prints whatever it finds.
function attack({ root, isShown }: Site): string {
  const connect =
    'use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un($ARGV[0])) and print "connected\\n"'
  return `
cd / && for name in data data-link home tmp code bound "volume with blank" closed/data; do
  [ ! -d "${root}/$name/" ] || ls -A "${root}/$name"
done
cat ${root}/prices.json ${root}/ca.pem ${root}/data/secrets.json ${root}/closed/data/key 2>/dev/null
[ "$(cat ${root}/shared.txt 2>/dev/null)" = '${isShown ? 'secret of shared.txt' : ''}' ] || echo 'shared file'
grep -rs --exclude=shared.txt 'secret of' ${root}
perl -e '${connect}' ${root}/data/socket 2>/dev/null
(echo text > ${root}/data/written) 2>/dev/null && echo written
`
}

const programsWork = `
cat /proc/*/mountinfo /proc/*/mounts /proc/1/environ 2>/dev/null
[ "$(node -p '6 * 7')" = 42 ] || echo 'no node'
[ "$(perl -MPOSIX -e 'print 42')" = 42 ] || echo 'no perl'
exit 0`

const drivers = [
  { driver: 'bubblewrap', program: '/usr/bin/bwrap' },
  { driver: 'unshare', program: '/usr/bin/unshare' },
].filter(({ program }) => existsSync(program))
const users = [
  { user: 'as root', uid: 0 },
  { user: 'as an ordinary user', uid: ordinaryUid },
]
const canIsolate =
  isRoot &&
  spawnSync('setpriv', [`--reuid=${ordinaryUid}`, '--clear-groups', '--', 'unshare', '--user', 'true']).status === 0

describe.skipIf(!canIsolate).each(users)('a server below directories that a sandbox sees, $user', ({ uid }) => {
  const sites: Site[] = []
  beforeAll(async () => {
    for (const place of parents) sites.push(await openSite(place, uid))
  })
  afterAll(() => {
    for (const { root, socket } of sites) {
      socket.close()
      rmSync(root, { recursive: true, force: true })
    }
  })

  it.each(drivers)('shows nothing of its own in a sandbox of $driver', { timeout: 120_000 }, ({ driver }) => {
    const script = sites.map(attack).join('') + programsWork
    const hidden = sites.flatMap(hiddenOf)
    expect(look(sites, { driver, uid, hidden, script })).toEqual(noSecret)
    for (const { root } of sites) {
      expect(readdirSync(join(root, 'data')).sort()).toEqual(['secrets.json', 'socket'])
      const markers = ['', 'data', 'home', 'tmp'].flatMap((name) => readdirSync(join(root, name)))
      expect(markers.filter((name) => name.startsWith('.appstrate-'))).toEqual([])
    }
  })

  it.each(drivers)('refuses $driver for DATA_DIR at a directory of programs', { timeout: 120_000 }, ({ driver }) => {
    const hidden = [{ name: 'DATA_DIR', path: '/usr/lib' }]
    expect(look(sites, { driver, uid, hidden, script: 'exit 0' })).toEqual({
      refused: expect.stringContaining(`${driver}: DATA_DIR is /usr/lib, whose programs and libraries a sandbox needs`),
    })
  })
})
