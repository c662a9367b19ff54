import { describe, expect, it } from 'vitest'
import { openWorld } from '../testing/world.ts'
import { createServices, type Service } from './platform.ts'

describe('services', () => {
  it('are opened once, at their first use, and all closed in reverse order', async () => {
    const happened: string[] = []
    const service = (name: string, fails = false): Service<{ readonly name: string }> => ({
      name,
      open() {
        happened.push(`open ${name}`)
        return { name }
      },
      async close(instance) {
        happened.push(`close ${instance.name}`)
        if (fails) throw new Error(`${name} is stuck`)
      },
    })
    const [first, second, third, unused] = [
      service('first'),
      service('second', true),
      service('third'),
      service('unused'),
    ]
    const world = await openWorld({ features: [] })
    const services = createServices(() => world.platform)
    for (const each of [first, second, first, third]) expect(services.use(each)).toBe(services.use(each))
    await expect(services.close()).rejects.toThrow('A service could not be closed.')
    expect(happened).toEqual(['open first', 'open second', 'open third', 'close third', 'close second', 'close first'])
    expect(unused.name).toBe('unused')
    await world.close()
  })
})

describe('the platform', () => {
  it('signals that it is stopping, and closes all its parts even if a service fails to close', async () => {
    const world = await openWorld({ features: [] })
    expect(world.platform.stopping.aborted).toBe(false)
    world.platform.beginStop()
    expect(world.platform.stopping.aborted).toBe(true)
    world.platform.use({ name: 'stuck', open: () => ({}), close: () => Promise.reject(new Error('stuck')) })
    await expect(world.platform.close()).rejects.toThrow('could not be closed')
    await expect(world.platform.database.pool.query('select 1')).rejects.toThrow('after calling end')
    await world.close().catch(() => undefined)
  })

  it('trusts exactly the origin of APP_URL and those of TRUSTED_ORIGINS', async () => {
    const world = await openWorld({
      features: [],
      environment: { APP_URL: 'https://app.example.com/path/', TRUSTED_ORIGINS: 'https://other.example.com' },
    })
    const trusted = [
      'https://app.example.com',
      'https://other.example.com',
      'http://app.example.com',
      'https://app.example.com:444',
      'https://app.example.com.evil.example',
      'null',
      '',
    ]
    expect(trusted.map((origin) => world.platform.isTrustedOrigin(origin))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      false,
    ])
    await world.close()
  })
})
