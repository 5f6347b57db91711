/**
 * Where Node keeps what it made of our sources, so that each of the many processes of a test run need not strip the types
 * of the same files again. Loaded with `--import` before a test file, it holds for all that this file imports.
 * https://nodejs.org/docs/latest-v24.x/api/module.html#module-compile-cache
 * @module
 */
import { enableCompileCache } from 'node:module';
import { resolve } from 'node:path';

// The folder that the launchers in a checkout use. Entries go by content.
enableCompileCache(resolve(import.meta.dirname, '../../node_modules/.cache/compiled'));
