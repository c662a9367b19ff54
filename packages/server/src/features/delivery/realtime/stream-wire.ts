import { Type } from 'typebox'

export const streamQuery = {
  after: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Start after the event with this id. If `Last-Event-ID` is sent too, it takes precedence.',
    }),
  ),
}

export const StreamWire = Type.String({
  description:
    'Server-Sent Events: `run_update` (a run without its large fields), `run_log` (an entry of its log), ' +
    '`ping` every 15 seconds, ' +
    'and `resync` when the cursor is too old or invalid: then reload the state.',
})
