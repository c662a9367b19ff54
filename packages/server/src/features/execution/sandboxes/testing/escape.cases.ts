import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { assertAllFail, assertNothingWorked } from './attempts.ts'
import type { ConformanceCase } from './conformance-case.ts'

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

const readsHostFiles: ConformanceCase = {
  name: 'sees no file of the host: no secrets, homes, DATA_DIR or other runs',
  async check({ arena, inside }) {
    const paths = [
      '/etc/shadow',
      '/etc/hostname',
      '/root',
      '/home',
      '/var',
      '/srv',
      '/opt',
      '/mnt',
      '/media',
      '/boot',
      '/run',
      '/sys',
      '/work',
      '/.dockerenv',
      '/oldroot',
      '/newroot',
      import.meta.filename,
      arena.dataDir,
      arena.secretPath,
      arena.otherRunPath,
      arena.workspacesDir,
    ]
    const roots = ['', '/proc/self/root', '/proc/1/root', '/proc/self/cwd/..', '/workspace/../../../..']
    const all = roots.flatMap((root) => paths.map((path) => quote(root + path))).join(' ')
    assertNothingWorked(await inside(`for path in ${all}; do if [ -e "$path" ]; then echo "$path"; fi; done; exit 0`))
  },
}

const followsLinks: ConformanceCase = {
  name: 'symbolic links and .. do not leave the sandbox',
  async check({ arena, inside }) {
    const result = await inside(`
ln -s ${quote(arena.secretPath)} link; cat link 2>/dev/null
ln -s / top; cat top${quote(arena.secretPath)} 2>/dev/null
ln -s ../../../../../../..${quote(arena.secretPath)} up; cat up 2>/dev/null
cd output && cat ../../other-run/output/result.txt ../../../auth-secret 2>/dev/null
find / -xdev -name ${quote('auth-secret')} 2>/dev/null
grep -rs ${quote(arena.secretText)} /workspace /tmp /etc /dev/shm
exit 0`)
    assertNothingWorked(result)
  },
}

const hasNoHardLinks: ConformanceCase = {
  name: 'hard links do not cross mounts: input files and programs cannot be linked into the workspace',
  async check(subject) {
    await assertAllFail(
      subject,
      `must_fail ln /workspace/input/${subject.arena.nonce} /workspace/output/x
must_fail ln /usr/bin/env /workspace/env`,
    )
  },
}

const touchesProcesses: ConformanceCase = {
  name: 'cannot see or signal processes of the host',
  async check({ arena, inside }) {
    const result = await inside(`
count=0
for dir in /proc/[0-9]*; do count=$((count + 1)); done
[ "$count" -lt 10 ] || echo "sees $count processes"
for pid in ${arena.victimPid} ${process.pid}; do if kill -9 "$pid" 2>/dev/null; then echo "killed $pid"; fi; done
exit 0`)
    assertNothingWorked(result)
    assert.ok(arena.isVictimAlive(), 'the process of the host is still alive')
  },
}

const touchesFirstProcess: ConformanceCase = {
  name: 'its first process cannot be ended, and gives no access to anything else',
  async check(subject) {
    await assertAllFail(
      subject,
      `
kill -9 1; kill -TERM 1; kill -STOP 1; sleep 0.05
[ "$(ls -d /proc/1/root/* 2>/dev/null | sed 's,/proc/1/root,,')" = "$(ls -d /*)" ] || must_fail ls /proc/1/root/
ls -l /proc/1/fd 2>/dev/null | sed -n 's/.* -> //p' |
  grep -vE '^(pipe:|anon_inode:|/dev/null$|/proc$|/proc/[0-9]+/fd$)'
must_fail ls /proc/1/cwd/home`,
    )
  },
}

const reachesNetwork: ConformanceCase = {
  name: 'has no network except its own loopback, and no raw, packet or vsock sockets',
  async check(subject) {
    await assertAllFail(
      subject,
      `
must_fail bash -c 'echo > /dev/tcp/127.0.0.1/${subject.arena.port}'
must_fail bash -c 'echo > /dev/tcp/1.1.1.1/53'
must_fail bash -c 'echo x > /dev/udp/1.1.1.1/53'
must_fail bash -c 'echo > /dev/tcp/169.254.169.254/80'
for family in 17 40 38 31 30; do
  must_fail perl -e 'socket(S, $ARGV[0], $_, 0) and exit 0 for 1..3; exit 1' $family
done
must_fail perl -e 'socket(S, 2, 3, 1) or exit 1'
interfaces=$(tail -n +3 /proc/net/dev | cut -d : -f 1 | tr -d ' \\n')
[ "$interfaces" = lo ] || echo "interfaces: $interfaces"`,
    )
    assert.equal(subject.arena.countConnections(), 0)
  },
}

const reachesSockets: ConformanceCase = {
  name: 'cannot reach Unix sockets of the host, by path or by abstract name',
  async check(subject) {
    const connect =
      'use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); ' +
      'connect(S, pack_sockaddr_un($ARGV[1] ? "\\0$ARGV[0]" : $ARGV[0])) or exit 1'
    await assertAllFail(
      subject,
      `
must_fail perl -e ${quote(connect)} ${quote(subject.arena.socketPath)} ''
must_fail perl -e ${quote(connect)} ${quote(subject.arena.abstractSocketName)} abstract
found=$(find / \\( -path /usr -o -path /proc \\) -prune -o -type s -print 2>/dev/null | head -n 5)
[ -z "$found" ] || echo "$found"`,
    )
    assert.equal(subject.arena.countConnections(), 0)
  },
}

const readsEnvironment: ConformanceCase = {
  name: "has PATH, HOME, LANG and TMPDIR, and nothing of the server's environment or open files",
  async check({ inside }) {
    const result = await inside(`
cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -vE '^(PATH|HOME|LANG|TMPDIR|PWD|OLDPWD|SHLVL|_)='
env | grep -q ^PATH= || echo 'no environment at all'
for fd in /proc/self/fd/*; do
  fd=\${fd##*/}
  [ "$fd" -le 2 ] || [ ! -e "/proc/self/fd/$fd" ] || echo "descriptor $fd is open"
done
[ "$HOME" = /workspace ] || echo "HOME is $HOME"
exit 0`)
    assertNothingWorked(result)
  },
}

const changesMounts: ConformanceCase = {
  name: 'cannot mount, unmount or change its root',
  async check(subject) {
    await assertAllFail(
      subject,
      `
must_fail mount -t tmpfs none /tmp
must_fail mount --bind /usr /workspace/output
must_fail mount -o remount,rw /usr
must_fail mount -o remount,bind,rw /workspace/input
must_fail umount /workspace/input
must_fail umount -l /workspace/input
must_fail chroot /workspace true
must_fail pivot_root /workspace /workspace/output
must_fail mount -t proc none /workspace/output`,
    )
  },
}

const writesSystem: ConformanceCase = {
  name: 'cannot write to the system, to /proc/sys or to its input',
  async check(subject) {
    const name = `appstrate-${subject.arena.nonce}`
    await assertAllFail(
      subject,
      `
for dir in / /usr /usr/bin /bin /lib /etc /etc/alternatives /dev /proc /workspace/input; do
  must_fail touch "$dir/${name}"
done
for file in /etc/passwd /etc/ld.so.cache /usr/bin/env /proc/sys/kernel/hostname /proc/sys/user/max_user_namespaces \\
  /proc/sys/vm/drop_caches /proc/sysrq-trigger /proc/sys/kernel/core_pattern \\
  /workspace/input/${subject.arena.nonce}; do
  must_fail sh -c 'echo 1 >> "$1"' sh "$file"
done
must_fail rm -f /workspace/input/${subject.arena.nonce}
must_fail mv /workspace/input /workspace/elsewhere
must_fail rmdir /workspace/input
must_fail chmod 777 /workspace/input
must_fail chmod u+w /workspace/input/${subject.arena.nonce}`,
    )
    assert.ok(!existsSync(`/usr/${name}`))
  },
}

const gainsPrivilege: ConformanceCase = {
  name: 'cannot gain privileges by devices, set-uid programs, uids, capabilities or namespaces',
  async check(subject) {
    await assertAllFail(
      subject,
      `
must_fail mknod /workspace/mem c 1 1
must_fail mknod /workspace/disk b 254 0
must_fail mknod /tmp/mem c 1 1
cp /usr/bin/id /workspace/id && chmod u+s /workspace/id; [ "$(/workspace/id -u)" = 1000 ] || echo 'set-uid copy'
must_fail perl -e '$> = 0; exit($> != 0)'
must_fail perl -e '$) = 0; exit($) != 0)'
must_fail chown 0 /workspace/id
must_fail chown 65534 /workspace/id
must_fail setpriv --reuid 0 true
must_fail su -c true
for kind in user mount pid net ipc uts cgroup; do
  must_fail unshare --$kind true
  must_fail unshare --user --map-root-user --$kind true
done
must_fail nsenter --target 1 --all true
must_fail hostname other
must_fail renice -n -10 $$
grep -E '^Cap(Prm|Eff|Bnd|Inh|Amb):' /proc/self/status | grep -v 0000000000000000
grep -q '^NoNewPrivs:.1$' /proc/self/status || echo 'new privileges are possible'`,
    )
  },
}

export const escapeCases: readonly ConformanceCase[] = [
  readsHostFiles,
  followsLinks,
  hasNoHardLinks,
  touchesProcesses,
  touchesFirstProcess,
  reachesNetwork,
  reachesSockets,
  readsEnvironment,
  changesMounts,
  writesSystem,
  gainsPrivilege,
]
