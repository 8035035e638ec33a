import { defineConfig } from 'vitest/config';

const NAME = '\0no-web-components';
const SOURCE = `
  const nothing = () => undefined;
  export const provideJupyterDesignSystem = () => ({ register: nothing });
  export const jpButton = nothing, jpToolbar = nothing;
  export const addJupyterLabThemeChangeListener = nothing;
`;

export default defineConfig({
  cacheDir: '../node_modules/.vite',
  plugins: [
    {
      // JupyterLab's web components need style objects that happy-dom lacks, and we use none
      name: 'no-web-components',
      enforce: 'pre',
      resolveId: id =>
        /^@jupyter\/(web|react)-components$/.test(id) ? NAME : undefined,
      load: id => (id === NAME ? SOURCE : undefined)
    }
  ],
  test: {
    environment: 'happy-dom',
    setupFiles: ['test/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    // these import without file endings, and style sheets, as only a bundler understands
    server: { deps: { inline: [/@jupyter/, /@lumino/] } }
  }
});
