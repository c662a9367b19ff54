import { existsSync, lstatSync, readlinkSync } from 'node:fs'

/** Name and content of the files in the sandbox's /etc that do not come from the host. */
export const etcFiles = {
  passwd:
    'root:x:0:0:root:/:/usr/sbin/nologin\nagent:x:1000:1000:agent:/workspace:/bin/sh\n' +
    'nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n',
  group: 'root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
} as const

/** Read-only mounts of the host's files, if they exist. Debian's awk and others are links in alternatives/. */
export const etcViews = [
  { path: '/etc/ld.so.cache', isDirectory: false },
  { path: '/etc/alternatives', isDirectory: true },
] as const

/** The whole environment of an agent's program. */
export const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/workspace',
  LANG: 'C.UTF-8',
  TMPDIR: '/tmp',
} as const

/** The directories that contain programs: on a merged /usr the others are links into /usr. */
export function systemDirs(): { path: string; isLink: boolean; target: string }[] {
  return ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']
    .filter((path) => existsSync(path))
    .map((path) => {
      const isLink = lstatSync(path).isSymbolicLink()
      return { path, isLink, target: isLink ? readlinkSync(path) : path }
    })
}
