import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { openWorld } from '../../testing/world.ts'

it('a connection on which nothing was sent does not hold up the stop, one in use is served to its end', async () => {
  const world = await openWorld()
  const port = Number(new URL(world.url).port)
  const unused = connect(port, '127.0.0.1')
  await once(unused, 'connect')
  const kept = connect(port, '127.0.0.1')
  await once(kept, 'connect')
  kept.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
  const [answer] = await once(kept, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /)
  const ended = Promise.all([once(unused, 'close'), once(kept, 'close')])
  const startedMs = performance.now()
  await world.close()
  await ended
  // Node's own wait for such a connection is a minute.
  expect(performance.now() - startedMs).toBeLessThan(10_000)
})
