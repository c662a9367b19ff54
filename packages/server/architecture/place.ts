const mayImport = {
  processes: ['processes', 'features', 'platform'],
  features: ['features', 'platform'],
  platform: ['platform'],
  testing: ['processes', 'features', 'platform', 'testing'],
} as const
const tiers = ['accounts', 'catalog', 'execution', 'delivery', 'instance']

export type Layer = keyof typeof mayImport
export interface Place {
  readonly layer: Layer
  readonly tier: number
  readonly noun: string
  readonly rest: string
}

const isLayer = (name: string): name is Layer => name in mayImport
const isTesting = (path: string): boolean => /(^|\/)testing\//.test(path)
export const isTest = (path: string): boolean => /\.(test|conformance)\.ts$/.test(path) || isTesting(path)

export function placeOf(path: string): Place | undefined {
  const [layer = '', tier = '', noun = '', ...rest] = path.split('/')
  if (!isLayer(layer)) return undefined
  // features/*.test.ts, next to the list of features, test all features at once.
  if (layer !== 'features' || /^features\/(index|[a-z-]+\.test)\.ts$/.test(path))
    return { layer, tier: -1, noun: '', rest: '' }
  return tiers.includes(tier) && rest.length > 0
    ? { layer, tier: tiers.indexOf(tier), noun: `${tier}/${noun}`, rest: rest.join('/') }
    : undefined
}

/** The unit that must not be part of an import ring: a noun of the features, or a folder of the platform. */
export function roomOf(path: string): string | undefined {
  const place = placeOf(path)
  return place?.layer === 'platform' ? path.split('/', 2).join('/') : place?.noun
}

export function whyNot(fromPath: string, toPath: string): string | undefined {
  const from = placeOf(fromPath)
  const to = placeOf(toPath)
  if (from === undefined || to === undefined || from.layer === 'testing') return undefined
  if (isTesting(toPath)) return isTest(fromPath) ? undefined : 'only tests and testing/ import testing/'
  // A test may need the whole product, but it also imports a feature only through its index.ts.
  const layers: readonly Layer[] = mayImport[isTest(fromPath) ? 'testing' : from.layer]
  if (!layers.includes(to.layer)) return `${from.layer}/ does not import ${to.layer}/`
  return to.layer === 'features' ? whyNotFeature(from, to, isTest(fromPath)) : undefined
}

function whyNotFeature(from: Place, to: Place, isTest: boolean): string | undefined {
  if (to.noun === '')
    return from.layer === 'processes' || isTest ? undefined : 'only processes/ import the list of features'
  if (from.noun === to.noun) return undefined
  if (to.rest !== 'index.ts') return `${to.noun} is entered through its index.ts only`
  return from.noun !== '' && to.tier > from.tier && !isTest ? 'an earlier tier does not import a later one' : undefined
}
