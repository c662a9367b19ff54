import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ephemeral ports (from 32768 on Linux): the system does not assign one of these to another process. */
const [portMin, portMax] = [20_000, 32_000]
/** Each worker has every eighth port, so that no two of them take the same one before their servers listen. */
const stride = 8
const share = Number(process.env['VITEST_POOL_ID'] ?? 0) % stride

/** A free port of 127.0.0.1, for a server that is started later and may be restarted. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = portMin + stride * randomInt((portMax - portMin) / stride) + share
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  probe.listen(port, '127.0.0.1')
  try {
    await once(probe, 'listening')
    return true
  } catch {
    return false
  } finally {
    probe.close()
  }
}
