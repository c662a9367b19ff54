import { Type, type TProperties, type TSchema } from 'typebox'
import type { Hooks } from '../../hooks/hooks.ts'
import { countedMax } from '../../hooks/postgres-counts.ts'
import type { Operation } from '../api.ts'

/** Which hook gives an object its fields. */
type Slot = { readonly hook: 'contents' | 'blocksDeletion'; readonly noun: string } | { readonly hook: 'erase' }

const mark = 'x-contributed'

/** An object of a reply with fields that features contribute, beside its own. T is the type of its own fields. */
export function contributed<T>(slots: readonly Slot[], own: TSchema = Type.Object({})) {
  return Type.Unsafe<T & Readonly<Record<string, unknown>>>({ ...own, [mark]: slots })
}

/** An object of counts that features contribute. */
export function contributedCounts(...slots: readonly Slot[]) {
  return Type.Unsafe<Readonly<Record<string, number>>>({ ...Type.Object({}), [mark]: slots })
}

/** The operation with the fields that features contribute to its replies. */
export function withContributions(operation: Operation, hooks: Hooks): Operation {
  const { endpoint } = operation
  const returns = Object.fromEntries(
    Object.entries(endpoint.returns).map(([status, schema]) => [status, resolve(schema, hooks)]),
  )
  return { ...operation, endpoint: { ...endpoint, returns } }
}

function resolve(schema: TSchema, hooks: Hooks): TSchema {
  if (!JSON.stringify(schema).includes(mark)) return schema
  const {
    [mark]: slots = [],
    properties = {},
    ...rest
  } = schema as TSchema & {
    readonly [mark]?: readonly Slot[]
    readonly properties?: TProperties
  }
  const own = Object.entries(properties).map(([name, property]) => [name, resolve(property, hooks)] as const)
  const all = Object.fromEntries([...own, ...slots.flatMap((slot) => Object.entries(fieldsOf(slot, hooks)))])
  const optional = own.flatMap(([name]) => (requiredIn(schema).includes(name) ? [] : [name]))
  return { ...rest, properties: all, required: Object.keys(all).filter((name) => !optional.includes(name)) }
}

function requiredIn(schema: TSchema): readonly unknown[] {
  return 'required' in schema && Array.isArray(schema.required) ? schema.required : []
}

function fieldsOf(slot: Slot, hooks: Hooks): TProperties {
  if (slot.hook === 'erase') return Object.assign({}, ...hooks.erase.map(({ report }) => report)) as TProperties
  const counted = slot.hook === 'contents' ? hooks.contentsOf(slot.noun) : hooks.blocksOf(slot.noun)
  return Object.fromEntries(
    Object.entries(counted).map(([name, { description }]) => [
      name,
      Type.Integer({ minimum: 0, maximum: countedMax, ...(description === undefined ? {} : { description }) }),
    ]),
  )
}
