import type { LookupAddress } from 'node:dns'
import { describe, expect, it } from 'vitest'
import { createEgress, EgressRefused } from './egress.ts'
import { guardedLookup, resolveByNameServers, type Resolve } from './resolve.ts'
import { openNameServer } from './testing/name-server.ts'
import { localPolicy } from './testing/policies.ts'
import { openReceiver, request } from './testing/receiver.ts'

const four = (...addresses: string[]): LookupAddress[] => addresses.map((address) => ({ address, family: 4 }))
const six = (...addresses: string[]): LookupAddress[] => addresses.map((address) => ({ address, family: 6 }))

/** Refuses each name that has an address of 10.0.0.0/8. */
function check(addresses: readonly LookupAddress[]): void {
  if (addresses.some(({ address }) => address.startsWith('10.'))) throw new EgressRefused('egress-refused-name')
}

function look(resolve: Resolve, options: { all?: boolean; family?: 4 | 6 } = {}) {
  return new Promise((done, fail) => {
    guardedLookup(resolve, check)('hooks.example', options, (error, address, family) =>
      error === null ? done(family === undefined ? address : [address, family]) : fail(error),
    )
  })
}

describe('guardedLookup', () => {
  it('returns the requested form', async () => {
    const resolve = async () => [...four('8.8.8.8'), ...six('2606:4700::1111')]
    expect(await look(resolve)).toEqual(['8.8.8.8', 4])
    expect(await look(resolve, { family: 6 })).toEqual(['2606:4700::1111', 6])
    expect(await look(resolve, { all: true })).toEqual(await resolve())
    expect(await look(resolve, { all: true, family: 4 })).toEqual(four('8.8.8.8'))
  })

  it('checks all addresses of a name, also those of another family', async () => {
    for (const addresses of [
      four('8.8.8.8', '10.0.0.1'),
      four('10.0.0.1', '8.8.8.8'),
      [...six('2606:4700::1111'), ...four('10.0.0.1')],
    ]) {
      for (const options of [{ all: true }, { family: 6 }] as const) {
        await expect(
          look(async () => addresses, options),
          JSON.stringify(addresses),
        ).rejects.toMatchObject({ code: 'egress-refused-name' })
      }
    }
  })

  it('reports that a name has no address', async () => {
    const cause = Object.assign(new Error('queryA ECONNREFUSED hooks.example'), { code: 'ECONNREFUSED' })
    await expect(look(() => Promise.reject(cause))).rejects.toMatchObject({ code: 'egress-dns', cause })
    await expect(look(async () => [])).rejects.toMatchObject({ code: 'egress-dns' })
    await expect(look(async () => four('8.8.8.8'), { family: 6 })).rejects.toMatchObject({ code: 'egress-dns' })
  })

  it('tries only a few addresses of a name', async () => {
    expect(
      await look(async () => four(...Array.from({ length: 200 }, (_, index) => `8.8.4.${index}`)), { all: true }),
    ).toHaveLength(8)
  })
})

describe('resolveByNameServers', () => {
  it('returns the addresses of both families', async () => {
    const zone = new Map([
      ['both.example', ['8.8.8.8', '1.1.1.1', '2606:4700::1111']],
      ['six.example', ['2606:4700::1111']],
      ['four.example', ['8.8.8.8']],
    ])
    const names = await openNameServer((name) => zone.get(name) ?? [])
    const resolve = resolveByNameServers([names.address])
    expect(await resolve('both.example')).toEqual([...four('8.8.8.8', '1.1.1.1'), ...six('2606:4700::1111')])
    expect(await resolve('six.example')).toEqual(six('2606:4700::1111'))
    expect(await resolve('four.example')).toEqual(four('8.8.8.8'))
    await expect(look(resolve)).rejects.toMatchObject({ code: 'egress-dns' })
    await names.close()
  })

  it('blocks DNS rebinding: each connection goes to the address that was resolved and checked for it', async () => {
    const receiver = await openReceiver((response) => response.setHeader('connection', 'close').end())
    let address = '127.0.0.1'
    const names = await openNameServer(() => [address])
    const egress = createEgress({ policy: localPolicy, resolve: resolveByNameServers([names.address]) })
    const post = () => egress.post(`http://rebinding.example:${receiver.port}/`, request())
    expect((await post()).status).toBe(200)
    address = '169.254.169.254'
    await expect(post()).rejects.toMatchObject({ code: 'egress-refused-name' })
    expect(receiver.connections()).toBe(1)
    await egress.close()
    await names.close()
    await receiver.close()
  })
})
