// Four files with fixed names, which are committed and compiled into the program, and the digest of what
// they were built from, which a test compares.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { defineConfig } from 'vite';

const SOURCES = ['index.html', 'package-lock.json', 'tsconfig.json', 'vite.config.js'];

/** The digest of all sources: of each its name, a blank, its length, a line feed, and its bytes. */
function digest() {
  const below = (folder) => readdirSync(folder).map((name) => `${folder}/${name}`);
  const files = [...SOURCES, ...below('public'), ...below('src')].sort();
  const hash = createHash('sha256');
  for (const file of files) {
    const bytes = readFileSync(file);
    hash.update(`${file} ${bytes.length}\n`);
    hash.update(bytes);
  }
  return hash.digest('hex');
}

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    assetsInlineLimit: 0,
    modulePreload: false,
    target: 'es2023',
    rolldownOptions: {
      output: { entryFileNames: 'app.js', assetFileNames: 'app.[ext]' },
    },
  },
  plugins: [
    {
      name: 'sources-digest',
      writeBundle: () => writeFileSync('dist/sources.sha256', `${digest()}\n`),
    },
  ],
});
