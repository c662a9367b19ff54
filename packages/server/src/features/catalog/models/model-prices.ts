import { readFileSync } from 'node:fs'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Config } from '../../../platform/config/config.ts'
import type { Service } from '../../../platform/platform.ts'
import { completePrice, PriceInput, type Price } from './price.ts'

/** A price file: `<api>/<model id>` → price. `prices.json` is built in; MODEL_PRICES names the operator's. */
const PriceFile = Type.Object(
  {
    asOf: Type.Optional(Type.String()),
    note: Type.Optional(Type.String()),
    prices: Type.Record(
      Type.String({ pattern: '^(openai-compatible|openai|anthropic|google|mistral)/.+$' }),
      PriceInput,
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

export interface ModelPrices {
  /**
   * The price of a model, null when it is unknown.
   * A dated id (`…-20251001`, `…-2026-03-17`) without its own row has the price of its undated id.
   */
  find(api: string, modelId: string): Price | null
}

/** A price file cannot be read or is invalid; the message is one line. */
export class PriceFileBroken extends Error {
  override readonly name = 'PriceFileBroken'
}

const ownFile = new URL('./prices.json', import.meta.url)
const datedId = /-(?:\d{8}|\d{4}-\d{2}-\d{2})$/

/** The process's price table. A process opens it at boot, so that a broken MODEL_PRICES stops the boot. */
export const modelPrices: Service<ModelPrices> = { name: 'model prices', open: ({ config }) => loadPrices(config) }

/** Reads the built-in table, overridden by the file that MODEL_PRICES names. Throws PriceFileBroken. */
export function loadPrices(config: Pick<Config, 'MODEL_PRICES'>): ModelPrices {
  const table = readPriceFile(ownFile, 'prices.json')
  const override =
    config.MODEL_PRICES === undefined
      ? undefined
      : readPriceFile(config.MODEL_PRICES, `MODEL_PRICES ${config.MODEL_PRICES}`)
  const findIn = (prices: ReadonlyMap<string, Price>, name: string) =>
    prices.get(name) ?? prices.get(name.replace(datedId, ''))
  return {
    find(api, modelId) {
      const name = `${api}/${modelId}`
      return (override === undefined ? undefined : findIn(override, name)) ?? findIn(table, name) ?? null
    },
  }
}

function readPriceFile(path: string | URL, called: string): Map<string, Price> {
  const file = parseJson(readText(path, called), called)
  if (!Value.Check(PriceFile, file)) {
    const [first] = Value.Errors(PriceFile, file)
    throw new PriceFileBroken(
      `${called} is not a price file: ${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}.`,
    )
  }
  return new Map(Object.entries(file.prices).map(([name, price]) => [name, completePrice(price)]))
}

function readText(path: string | URL, called: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new PriceFileBroken(`${called} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, {
      cause: error,
    })
  }
}

function parseJson(text: string, called: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new PriceFileBroken(`${called} is not JSON: ${error instanceof Error ? error.message : String(error)}.`, {
      cause: error,
    })
  }
}
