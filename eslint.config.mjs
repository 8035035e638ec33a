import jupyter from '@jupyter/eslint-plugin';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const sources = ['labextension/{src,test}/**/*.{ts,tsx}'];
const tests = ['labextension/src/**/*.test.{ts,tsx}', 'labextension/test/**'];

export default tseslint.config(
  { ignores: ['labextension/lib', 'mlops_jupyter', 'node_modules', '.venv'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: sources,
    extends: [
      ...tseslint.configs.strict,
      jsxA11y.flatConfigs.strict,
      reactHooks.configs['recommended-latest']
    ],
    rules: {
      eqeqeq: 'error',
      'no-control-regex': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }
      ],
      // a namespace of constants beside its interface is how Jupyter names commands
      '@typescript-eslint/no-namespace': 'off',
      'react-hooks/exhaustive-deps': 'error',
      // what scrolls must be reachable by keyboard
      'jsx-a11y/no-noninteractive-tabindex': [
        'error',
        { tags: ['pre'], roles: ['region', 'tabpanel', 'log', 'group', 'grid'] }
      ]
    }
  },
  {
    files: sources,
    ignores: tests,
    languageOptions: {
      parserOptions: { project: 'labextension/tsconfig.json' }
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false } }
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true }
      ]
    }
  },
  {
    plugins: { jupyter },
    extends: [jupyter.configs.recommended],
    rules: {
      // it is one small bundle, and all of it is needed at once
      'jupyter/prefer-lazy-imports': 'off'
    }
  },
  {
    files: tests,
    rules: {
      'jupyter/no-untranslated-string': 'off',
      'jupyter/command-described-by': 'off'
    }
  }
);
