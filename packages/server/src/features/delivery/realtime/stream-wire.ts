import { Type } from 'typebox'
import { OneOf } from '../../../platform/http/wire.ts'

export const streamQuery = {
  after: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Start after the event with this id. If `Last-Event-ID` is sent too, it takes precedence.',
    }),
  ),
}

/** Ends the description of each stream: the page is generated from the schemas of the events. */
export const seeEvents = 'Every event with its fields and an example: https://appstrate.dev/docs/events'

export const StreamWire = Type.String({
  description:
    'Server-Sent Events: `run_update` (a run without its large fields), `run_log` (an entry of its log), ' +
    '`ping` every 15 seconds, ' +
    'and `resync` when the cursor is too old or invalid: then reload the state.',
})

export const PingWire = Type.Object({})

export const ResyncWire = Type.Object({
  reason: OneOf(['cursor-invalid', 'cursor-too-old'], {
    description:
      '`cursor-invalid`: the cursor is of another stream or malformed; `cursor-too-old`: too many events follow it.',
  }),
})
