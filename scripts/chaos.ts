// Runs the chaos test: `npm run chaos -- [--minutes n | --seconds n] [--seed n] [--tier embedded|services]`.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const root = new URL('..', import.meta.url)
const { environment, tier } = readArguments()
const vitest = 'exec "$NODE" node_modules/vitest/vitest.mjs run tests/chaos/chaos.test.ts'
const services = 'scripts/services start && connection=$(scripts/services env) && eval "$connection"'
const needsServices = tier === 'services' && process.env['TEST_DATABASE_URL'] === undefined
const { TEST_DATABASE_URL: _, ...withoutDatabase } = process.env
const { status } = spawnSync('bash', ['-c', needsServices ? `${services} && ${vitest}` : vitest], {
  cwd: root,
  env: { ...(tier === 'embedded' ? withoutDatabase : process.env), ...environment, NODE: process.execPath },
  stdio: 'inherit',
})
process.exit(status ?? 1)

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string' },
        seconds: { type: 'string' },
        seed: { type: 'string' },
        tier: { type: 'string', default: 'embedded' },
      },
    })
    const seconds = values.seconds ?? String(Number(values.minutes ?? 2) * 60)
    const seed = values.seed ?? String(Math.floor(Math.random() * 1_000_000))
    if (['embedded', 'services'].includes(values.tier) && Number(seconds) > 0 && Number.isSafeInteger(Number(seed)))
      return { tier: values.tier, environment: { CHAOS_SECONDS: seconds, CHAOS_SEED: seed } }
  } catch {
    // Prints the usage below.
  }
  console.error('Usage: npm run chaos -- [--minutes n | --seconds n] [--seed n] [--tier embedded|services]')
  process.exit(2)
}
