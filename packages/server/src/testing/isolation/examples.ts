/** Values for fields of these names, for which the schema is not enough to generate a valid value. */
export const exampleTexts: Readonly<Record<string, string>> = {
  slug: 'tried-by-a-stranger',
  cron: '0 0 1 1 *',
  timezone: 'UTC',
  url: 'https://example.com/hook',
  password: 'correct horse battery',
  currentPassword: 'correct horse battery',
  newPassword: 'correct horse battery',
}

/** Fields that override the generated body of an operation. */
export const exampleBodies: Readonly<Record<string, object>> = {
  createProviderKey: { api: 'openai', apiKey: 'sk-tried' },
}

/** Fields named …Id that are not wire ids: by name, or as `operation.name`. */
export const notWireIds: ReadonlySet<string> = new Set([
  'externalId',
  'createModel.modelId',
  'updateModel.modelId',
  'providerId',
  'accountId',
])
