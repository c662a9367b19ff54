/** What is sent as a field of this name, where the schema alone does not tell a good value. */
export const exampleTexts: Readonly<Record<string, string>> = {
  slug: 'tried-by-a-stranger',
  cron: '0 0 1 1 *',
  timezone: 'UTC',
  url: 'https://example.com/hook',
  password: 'correct horse battery',
  currentPassword: 'correct horse battery',
  newPassword: 'correct horse battery',
}

/** What is put over the made-up body of an operation. */
export const exampleBodies: Readonly<Record<string, object>> = {
  createProviderKey: { api: 'openai', apiKey: 'sk-tried' },
}

/** Fields named …Id whose text is no wire id: by name, or as `operation.name`. */
export const notWireIds: ReadonlySet<string> = new Set([
  'externalId',
  'createModel.modelId',
  'updateModel.modelId',
  'providerId',
  'accountId',
])
