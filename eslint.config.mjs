import stylistic from '@stylistic/eslint-plugin'
import tseslint from 'typescript-eslint'

/** @typedef {import('eslint').Linter.RulesRecord} Rules */

/** @type {Rules} */
const budgets = {
  'max-lines': ['error', { max: 300, skipBlankLines: false, skipComments: false }],
  'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }],
  'max-params': ['error', 3],
  complexity: ['error', 11],
  'max-depth': ['error', 3],
}

/** @type {Rules} */
const exactTypes = {
  '@typescript-eslint/no-explicit-any': 'error',
  '@typescript-eslint/no-non-null-assertion': 'error',
  '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
  '@typescript-eslint/ban-ts-comment': 'error',
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/no-misused-promises': 'error',
  '@typescript-eslint/await-thenable': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  '@typescript-eslint/no-unsafe-assignment': 'error',
  '@typescript-eslint/no-unsafe-call': 'error',
  '@typescript-eslint/no-unsafe-member-access': 'error',
  '@typescript-eslint/no-unsafe-return': 'error',
  '@typescript-eslint/no-unsafe-argument': 'error',
  '@typescript-eslint/consistent-type-imports': 'error',
  '@typescript-eslint/only-throw-error': 'error',
}

/** @type {Rules} */
const house = {
  'no-console': 'error',
  eqeqeq: 'error',
  'prefer-const': 'error',
  'no-var': 'error',
  'no-restricted-exports': [
    'error',
    { restrictDefaultExports: { direct: true, named: true, defaultFrom: true, namedFrom: true } },
  ],
  'no-restricted-properties': [
    'error',
    { object: 'process', property: 'env', message: 'Read the environment in processes/ only.' },
  ],
}

export default tseslint.config(
  {
    ignores: ['**/node_modules/**', '**/*.generated.ts', 'data/**', '.cache/**', 'packages/client/src/generated/**'],
  },
  {
    files: ['**/*.ts', '**/*.mjs'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    plugins: { '@typescript-eslint': tseslint.plugin, '@stylistic': stylistic },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: { ...budgets, ...exactTypes, ...house },
  },
  {
    files: ['**/*.test.ts', '**/testing/**/*.ts', 'tests/**/*.ts', 'bench/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': 'off',
      'no-restricted-properties': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'CallExpression[callee.property.name=/^(only|skip|todo)$/]' +
            '[callee.object.name=/^(describe|it|test|promise)$/]',
          message: 'No focused or skipped test.',
        },
      ],
    },
  },
  // A cast in platform/ is allowed where a comment beside it gives the reason.
  { files: ['**/platform/**/*.ts'], rules: { '@typescript-eslint/consistent-type-assertions': 'off' } },
  {
    files: ['scripts/**', 'bench/**/*.ts', '**/processes/**/*.ts'],
    rules: { 'no-console': 'off', 'no-restricted-properties': 'off' },
  },
  { files: ['**/*.config.ts', '**/*.config.mjs'], rules: { 'no-restricted-exports': 'off' } },
  {
    files: ['**/*.ts', '**/*.mjs'],
    rules: { '@stylistic/max-len': ['error', { code: 120, ignoreUrls: true }] },
  },
)
