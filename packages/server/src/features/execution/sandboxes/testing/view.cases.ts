import assert from 'node:assert/strict'
import { realpathSync } from 'node:fs'
import { basename } from 'node:path'
import { viewedPaths } from '../view/system-view.ts'
import type { ConformanceCase } from './conformance-case.ts'

const words = (text: string) => text.split(/\s+/).filter((word) => word !== '')

const hidesMounts: ConformanceCase = {
  name: 'no file of /proc contains the path of the workspace or of DATA_DIR',
  async check({ arena, inside, workspace }) {
    const script = `
sleep 20 & # a second process to look at
for dir in /proc/self /proc/thread-self /proc/[0-9]*; do
  for name in mountinfo mounts mountstats environ cmdline maps cgroup status stat wchan cpuset; do
    if cat "$dir/$name" >/tmp/content; then echo "== $name"; cat /tmp/content; fi
  done
  for link in cwd exe root fd/0 fd/1 fd/2; do readlink "$dir/$link"; done
done 2>/dev/null | tr '\\0' ' ' > /tmp/seen
cat /proc/mounts /proc/net/unix /proc/locks /proc/swaps >> /tmp/seen 2>/dev/null
cat /tmp/seen
grep -q '^== status' /tmp/seen`
    const result = await inside(script, { outputBytesMax: 1_000_000 })
    assert.deepEqual([result.exitCode, result.stdoutTruncated], [0, false])
    for (const secret of [workspace.dir, basename(workspace.dir), arena.dataDir, basename(arena.dataDir)])
      assert.ok(!result.stdout.includes(secret), `${secret} is visible: ${result.stdout}`)
    assert.ok(!/^\d+ \d+ \d+:\d+ \//m.test(result.stdout), 'no mount is listed')
  },
}

const hidesPaths: ConformanceCase = {
  name: 'no open file of the sandbox has a path of the host or the number of one of its processes',
  async check({ inside }) {
    const result = await inside(
      `
sleep 20 & # a second process to look at
for link in /proc/self/fd/* /proc/[0-9]*/fd/* /proc/[0-9]*/task/*/fd/* /proc/[0-9]*/cwd /proc/[0-9]*/root; do
  readlink "$link"
done 2>/dev/null
exit 0`,
      { stdin: Buffer.from('text') },
    )
    const allowed =
      /^(pipe:\[\d+\]|\/|\/workspace|\/proc\/[\d/a-z]+|\/dev\/null|(\/dev\/shm|\/tmp|\/var\/tmp)\/#\d+ \(deleted\))$/
    const shown = result.stdout.split('\n').filter((line) => line !== '')
    assert.ok(shown.length > 3, 'open files are listed')
    assert.deepEqual(
      shown.filter((line) => !allowed.test(line)),
      [],
    )
  },
}

const hidesKernel: ConformanceCase = {
  name: 'the configuration, command line, keys and symbols of the kernel cannot be read, and /sys is absent',
  async check({ inside }) {
    const names = [
      ...['config.gz', 'cmdline', 'keys', 'key-users', 'kallsyms', 'sched_debug', 'timer_list', 'kcore', 'kmsg'],
      ...['modules', 'iomem', 'ioports', 'locks', 'diskstats', 'partitions', 'interrupts', 'slabinfo', 'vmallocinfo'],
      ...['sys/kernel/core_pattern', 'sys/kernel/modprobe'],
    ]
    const result = await inside(`
for name in ${names.join(' ')}; do
  [ "$(head -c 1 "/proc/$name" 2>/dev/null | wc -c)" = 0 ] || echo "read $name"
done
ls -A /sys /proc/acpi /proc/fs /proc/scsi /proc/asound 2>/dev/null | grep -v '^/proc\\|^$'
cat /proc/1/environ 2>/dev/null
exit 0`)
    assert.deepEqual([result.stdout, result.exitCode], ['', 0], result.stderr)
  },
}

const showsAllowed: ConformanceCase = {
  name: 'of /usr and /etc only the allowed directories are visible, of /usr/local only the Node of the server',
  async check({ inside }) {
    const allowed = (parent: string) =>
      new Set(
        viewedPaths
          .filter((path) => path.startsWith(`${parent}/`))
          .map((path) => path.split('/')[parent.split('/').length]),
      )
    const seen = async (directory: string) => words((await inside(`ls -A ${directory}`)).stdout)
    const [usr, share, etc] = [await seen('/usr'), await seen('/usr/share'), await seen('/etc')]
    assert.ok(usr.includes('bin') && usr.includes('lib'))
    assert.deepEqual(
      usr.filter((name) => !allowed('/usr').has(name) && !['share', 'local'].includes(name)),
      [],
    )
    assert.deepEqual(
      share.filter((name) => !allowed('/usr/share').has(name)),
      [],
    )
    const own = new Set(['passwd', 'group', 'hosts', 'nsswitch.conf'])
    assert.deepEqual(
      etc.filter((name) => !allowed('/etc').has(name) && !own.has(name)),
      [],
    )
    const local = words((await inside('find /usr/local /usr/src /opt 2>/dev/null')).stdout)
    assert.deepEqual(
      local.filter((path) => !'/usr/local/bin/node'.startsWith(path)),
      [],
    )
  },
}

const hasNode: ConformanceCase = {
  name: 'the Node of the server runs, and shows nothing of the directory that it lies in',
  limits: { memoryBytes: 1024 * 1024 * 1024 },
  async check({ inside }) {
    const result = await inside(`node -p 'process.version + " " + process.execPath'`)
    assert.equal(result.stdout, `${process.version} /usr/local/bin/node\n`, result.stderr)
    const original = realpathSync(process.execPath)
    if (original === '/usr/local/bin/node') return
    const beside = await inside(`[ ! -e '${original}' ] || stat -c %i '${original}'`)
    const wasAllowed = viewedPaths.some((path) => original.startsWith(`${path}/`))
    assert.ok(wasAllowed || beside.stdout === '')
  },
}

const runsTools: ConformanceCase = {
  name: 'interpreters and tools that are installed on the host work',
  limits: { memoryBytes: 512 * 1024 * 1024 },
  async check({ inside }) {
    const result = await inside(`
has() { [ -x "/usr/bin/$1" ]; }
same() { [ "$2" = "$3" ] || echo "$1: $2"; }
has bash && same bash "$(bash -c 'echo $((6 * 7))')" 42
has perl && same perl "$(perl -MPOSIX -MList::Util=sum -MFile::Temp -e 'print sum(40, floor(2.5))')" 42
has python3 && same python3 "$(python3 -c 'import json, sqlite3, ssl, subprocess; print(json.dumps(42))')" 42
has git && same git "$(git init -q repo && cd repo && echo text > file && git add file &&
  git -c user.name=a -c user.email=a@b commit -qm one && git log --format=%s)" one
has tar && same tar "$(mkdir t && echo 42 > t/f && tar czf t.tgz t && rm -r t && tar xzf t.tgz && cat t/f)" 42
has sqlite3 && same sqlite3 "$(sqlite3 :memory: 'select 6 * 7')" 42
has jq && same jq "$(echo '{"a": 42}' | jq .a)" 42
has awk && same awk "$(echo 6 7 | awk '{ print $1 * $2 }')" 42
has file && same file "$(echo text > text && file -b text)" 'ASCII text'
has openssl && same openssl "$(printf 42 | openssl dgst -sha256 -r | cut -c 1-8)" 73475cb4
has gcc && [ -e /usr/include/stdio.h ] && same gcc "$(
  printf '#include <stdio.h>\\nint main(void) { puts("42"); }' > c.c && gcc -o c c.c && ./c)" 42
[ ! -e /usr/share/zoneinfo/Asia/Tokyo ] || same date "$(TZ=Asia/Tokyo date -d @0 +%H)" 09
same df "$(df --output=target /workspace 2>/dev/null | tail -n 1)" /workspace
exit 0`)
    assert.deepEqual([result.stdout, result.exitCode], ['', 0], result.stderr)
  },
}

export const viewCases: readonly ConformanceCase[] = [
  hidesMounts,
  hidesPaths,
  hidesKernel,
  showsAllowed,
  hasNode,
  runsTools,
]
