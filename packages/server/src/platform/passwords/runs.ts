/** A part of a text that a rule produces: `qwerty`, `abcd`, `1111`. */
export interface Run {
  /** In characters; at least 3. */
  readonly length: number
  /** The decimal logarithm of the guesses that find it. */
  readonly cost: number
}

export type Keyboards = readonly ReadonlyMap<string, ReadonlyMap<string, number>>[]

const lengthMin = 3
const lengthMax = 40
const stepMax = 5

let keyboards: Promise<Keyboards> | undefined

/** By keyboard and key: the direction in which each neighbour lies. */
export function loadKeyboards(): Promise<Keyboards> {
  keyboards ??= load()
  return keyboards
}

async function load(): Promise<Keyboards> {
  const { adjacencyGraphs } = await import('@zxcvbn-ts/language-common')
  return Object.values(adjacencyGraphs).map(
    (graph) =>
      new Map(
        Object.entries<readonly (string | null)[]>(graph).map(([key, neighbours]) => [
          key,
          new Map(neighbours.flatMap((keys, direction) => [...(keys ?? '')].map((one) => [one, direction] as const))),
        ]),
      ),
  )
}

/** The longest runs that begin at a character: on each keyboard, and with equal steps in the order of the alphabet. */
export function runsAt(characters: readonly string[], start: number, keyboards: Keyboards): Run[] {
  const runs = keyboards.map((keyboard) => walk(characters, start, keyboard))
  return [...runs, sequence(characters, start)].filter(({ length }) => length >= lengthMin)
}

function walk(characters: readonly string[], start: number, keyboard: Keyboards[number]): Run {
  let [length, turns, heading] = [1, 0, -1]
  for (; length < lengthMax; length += 1) {
    const key = characters[start + length - 1] ?? ''
    const direction = keyboard.get(key)?.get(characters[start + length] ?? '')
    if (direction === undefined) break
    if (direction !== heading) turns += 1
    heading = direction
  }
  return { length, cost: Math.min(1.7 + 0.5 * turns, 5.5) }
}

function sequence(characters: readonly string[], start: number): Run {
  const step = stepAt(characters, start)
  let length = 1
  while (length < lengthMax && step !== undefined && stepAt(characters, start + length - 1) === step) length += 1
  const isUsual = step !== undefined && Math.abs(step) <= 1
  // Three characters with another step may be there by chance.
  return isUsual || length > lengthMin ? { length, cost: isUsual ? 1.5 : 2 } : { length: 0, cost: 0 }
}

function stepAt(characters: readonly string[], index: number): number | undefined {
  const [from, to] = [characters[index]?.codePointAt(0), characters[index + 1]?.codePointAt(0)]
  if (from === undefined || to === undefined || Math.abs(to - from) > stepMax) return undefined
  return to - from
}
