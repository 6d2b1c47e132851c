/**
 * Builds dist/: page.js, an ES module, worker.js, one classic script (LiteRT.js loads its
 * WebAssembly with importScripts, which module workers lack), and the files beside them.
 */

import {cp, mkdir, readdir, rm} from 'node:fs/promises';
import {existsSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const dist = `${here}dist/`;
// The build without threads, the one with, and the one without relaxed SIMD.
const WASM = ['internal', 'threaded_internal', 'compat_internal'];
const COPIED = /\.(html|css|webmanifest|svg|png)$|^sw\.js$|^icons$/;

await rm(dist, {recursive: true, force: true});
await mkdir(`${dist}wasm`, {recursive: true});
const common = {
  bundle: true,
  minify: true,
  target: ['chrome111', 'firefox115', 'safari16.4'],
  legalComments: /** @type {const} */ ('linked'),
  logLevel: /** @type {const} */ ('warning'),
};
await build({
  ...common,
  entryPoints: [`${here}src/worker.js`],
  outfile: `${dist}worker.js`,
  format: 'iife',
});
if (existsSync(`${here}src/page/page.js`)) {
  await build({
    ...common,
    entryPoints: [`${here}src/page/page.js`],
    outfile: `${dist}page.js`,
    format: 'esm',
  });
}
for (const kind of WASM) {
  for (const ending of ['js', 'wasm']) {
    const name = `litert_wasm_${kind}.${ending}`;
    await cp(`${here}node_modules/@litertjs/core/wasm/${name}`, `${dist}wasm/${name}`);
  }
}
for (const name of await readdir(here)) {
  if (COPIED.test(name)) await cp(here + name, dist + name, {recursive: true});
}
