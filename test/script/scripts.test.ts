/**
 * Every script of this folder, run on the real program in an empty home: launcher, keeper, broker and sandbox are the real ones.
 * @module
 */
import { globSync, readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { tempHome } from '../support/home.ts';
import { skipUnless } from '../support/tools.ts';
import { parseArchive, runScript } from './txtar.ts';

const folder = import.meta.dirname;

// Each has a home of its own, and much of a script is waiting for processes.
suite('scripts', { concurrency: 3 }, () => {
  for (const name of globSync('*.txtar', { cwd: folder }).toSorted()) {
    const archive = parseArchive(readFileSync(`${folder}/${name}`, 'utf8'));
    // A script may begin with: # needs aws jq
    const needs = /^# needs (.*)$/.exec(archive.lines[0] ?? '')?.[1]?.split(' ') ?? [];
    test(`script ${name}`, { skip: skipUnless(...needs) }, async (t) => {
      await runScript(archive, tempHome(t));
    });
  }
});
