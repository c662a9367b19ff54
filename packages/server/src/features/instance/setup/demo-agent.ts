/** The agent of the first run. It does real work in the sandbox, with the scripted model or any other. */
export const demoAgent = {
  name: 'csv-totals',
  displayName: 'CSV totals',
  description: 'Adds up the numeric columns of a CSV file.',
  prompt: [
    'You are given one CSV file in /workspace/input. Its first row names the columns.',
    '',
    '1. Compute the number of data rows and the exact total of every numeric column, with a command in the sandbox. ' +
      'Never add numbers up yourself.',
    '2. Save the result as /workspace/output/totals.json.',
    '3. Return it with `output`: ' +
      'the file name, the number of rows, the column names and the totals as decimal strings.',
    '',
    'If the file is not a CSV with a header, do not invent anything: ' +
      'say in plain words what is wrong with it, and end.',
  ].join('\n'),
  tools: ['bash', 'read_file', 'list_files', 'log', 'report', 'output'],
  output: {
    type: 'object',
    properties: {
      file: { type: 'string' },
      rows: { type: 'integer', minimum: 0 },
      columns: { type: 'array', items: { type: 'string' } },
      totals: { type: 'object', additionalProperties: { type: 'string', pattern: '^-?\\d+(\\.\\d+)?$' } },
    },
    required: ['rows', 'totals'],
  },
} as const
