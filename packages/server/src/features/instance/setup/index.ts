import { oneOf } from '../../../platform/config/variables.ts'
import { feature } from '../../../platform/http/feature.ts'

export { createFirstRun, firstRunPath, readFirstRun, updateFirstRun } from './create-first-run.ts'
export { firstRunLines, firstRunNotice } from './first-run-lines.ts'
export { startScriptedModel } from './scripted-model.ts'

const variables = {
  DEMO: oneOf(['auto', 'on', 'off'], {
    meaning:
      'On the first boot of an empty instance, create an owner, an application, an API key and a demo agent. ' +
      '`auto`: only with the embedded database.',
    fallback: 'auto',
  }),
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ConfigVariables extends Readonly<typeof variables> {}
}

export const setupFeature = feature({
  folder: 'instance/setup',
  tag: 'Setup',
  description: 'Sets up the demo on an empty instance.',
  variables,
  endpoints: {},
})
