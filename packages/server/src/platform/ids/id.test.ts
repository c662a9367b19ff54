import { describe, expect, it } from 'vitest'
import { features } from '../../features/index.ts'
import { newUuid, newWireId, parseWireId, platformIdPrefixes, toWireId, type IdPrefix } from './id.ts'

const declared = [platformIdPrefixes, ...features.map(({ idPrefixes }) => idPrefixes ?? {})]
// The keys are declared prefixes, which Object.keys cannot express.
const prefixes = declared.flatMap((words) => Object.keys(words)) as IdPrefix[]

describe('wire ids', () => {
  it.each(prefixes)('%s ids are a prefix and 26 characters of lower-case Crockford base 32', (prefix) => {
    expect(newWireId(prefix)).toMatch(new RegExp(`^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`))
  })

  it('survive the way to the database and back', () => {
    const uuid = newUuid()
    expect(parseWireId('run', toWireId('run', uuid))).toBe(uuid)
  })

  it('sort by time', async () => {
    const earlier = newWireId('run')
    await new Promise((resolve) => setTimeout(resolve, 2))
    expect(newWireId('run') > earlier).toBe(true)
  })

  it.each([
    '',
    'run_',
    'run_zzz',
    'agent_01h455vb4pex5vsknk084sn02q',
    'RUN_01h455vb4pex5vsknk084sn02q',
    'run_81h455vb4pex5vsknk084sn02q',
  ])('refuses %j as a run id', (text) => expect(parseWireId('run', text)).toBeUndefined())
})
