import { Type } from 'typebox'

export const streamQuery = {
  after: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Start after the event of this id, as with `Last-Event-ID`, which wins when both are sent.',
    }),
  ),
}

export const StreamWire = Type.String({
  description:
    'Server-Sent Events: `run_update` (a run without its bulky fields), `run_log` (an entry of its log), `ping` every 15 s, ' +
    '`resync` when the cursor is too old or not valid, so that the state has to be read anew.',
})
