import importX from 'eslint-plugin-import-x'
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import tseslint from 'typescript-eslint'

// The floors of the house (README.md): imports run downwards only. Wing -> the project packages it may import.
const mayImport = {
  protocol: [],
  datasets: [],
  evaluation: ['protocol', 'datasets'],
  env: ['protocol', 'datasets', 'evaluation'],
  'agents/network': ['datasets'],
  'agents/retrieval': ['datasets'],
  'agents/training': ['protocol', 'datasets', 'network', 'retrieval'],
  'agents/random': ['protocol', 'datasets', 'network', 'training'],
  'agents/frequency': ['protocol', 'datasets', 'training'],
  'agents/nearest-skeleton': ['protocol', 'datasets', 'retrieval', 'training'],
  'agents/behavioral-cloning': ['training'],
  'agents/cql': ['training'],
  'agents/conditional-cql': ['training', 'cql'],
  'agents/cli': [
    'protocol',
    'datasets',
    'network',
    'training',
    'random',
    'frequency',
    'nearest-skeleton',
    'behavioral-cloning',
    'cql',
    'conditional-cql',
  ],
}

const floors = Object.entries(mayImport).map(([wing, below]) => ({
  files: [`${wing}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^@unitcell/(?!(${['-', ...below].join('|')})$)`,
            message: `${wing} may import only: ${below.map((name) => `@unitcell/${name}`).join(', ') || 'nothing of the project'}.`,
          },
          {
            regex: '^(\\.\\./)+(protocol|datasets|agents|evaluation|env|test)/',
            message: 'Import a wing by its package name.',
          },
        ],
      },
    ],
  },
}))

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**'] },
  ...tseslint.configs.recommended,
  {
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [
        createTypeScriptImportResolver({
          noWarnOnMultipleProjects: true,
          project: ['tsconfig.json', '*/tsconfig.json', 'agents/*/tsconfig.json'],
        }),
      ],
    },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-self-import': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      'max-lines': ['warn', { max: 450, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
    },
  },
  ...floors,
)
