import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { openBlobDirectory } from '../../../../platform/blobs/blob-directory.ts'
import { newUuid } from '../../../../platform/ids/id.ts'
import type { ConformanceCase } from './conformance-case.ts'

const attempts = [
  'echo x >> $blob',
  ': > $blob',
  'truncate -s 1 $blob',
  'dd if=/dev/zero of=$blob bs=1 count=1 conv=notrunc',
  'chmod 777 $blob',
  'touch $blob',
  'rm -f $blob; test ! -e $blob',
  'mv $blob input/other',
  'mv $blob output/moved',
  'mv input elsewhere',
  'mv output input',
  'rm -rf input; test ! -e input',
  'ln $blob output/second',
  'ln -f mine $blob',
  'mv -f mine $blob',
  'sh -c "exec 5<$blob; echo x > /proc/self/fd/5"',
  `perl -e 'open($file, "+<", $ARGV[0]) or exit 1' $blob`,
  `perl -e 'open($file, "<", $ARGV[0]); open($again, "+<", "/proc/self/fd/" . fileno($file)) or exit 1' $blob`,
  'mount -o remount,bind,rw input',
  'umount input',
  'unshare --user --map-root-user --mount umount input',
]

const keepsBlobs: ConformanceCase = {
  name: 'an input that shares its bytes with a stored file can be read, and not changed, moved or removed',
  async check({ arena, inside, workspace }) {
    const blobs = await openBlobDirectory(arena.dataDir)
    const id = newUuid()
    await blobs.write(id, Readable.from(['stored']), 100)
    assert.equal(await workspace.placeInput('blob', (path) => blobs.link(id, path)), true)
    const stored = join(arena.dataDir, 'blobs', id.slice(-2), id)
    const before = await stat(stored)
    assert.equal((await inside('cat input/blob')).stdout, 'stored')
    const tries = attempts.map((attempt, index) => `(${attempt}) 2>/dev/null && echo succeeded ${index}`)
    const result = await inside(['cd /workspace; blob=input/blob; echo mine > mine', ...tries, 'echo end'].join('\n'))
    assert.equal(result.stdout, 'end\n')
    assert.equal(await readFile(stored, 'utf8'), 'stored')
    const after = await stat(stored)
    for (const field of ['ino', 'mode', 'uid', 'nlink', 'size', 'mtimeMs'] as const)
      assert.equal(after[field], before[field], field)
    assert.equal((await stat(join(workspace.dir, 'input', 'blob'))).ino, before.ino)
    await workspace.remove()
    assert.equal(await readFile(stored, 'utf8'), 'stored')
    assert.equal((await stat(stored)).nlink, 1)
  },
}

export const inputCases: readonly ConformanceCase[] = [keepsBlobs]
