import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { kubernetesProfiles } from '../../../src/profiles/kubernetes/tool.ts';
import { run } from '../../local/ground.ts';
import { skipUnless } from '../../support/tools.ts';
import { entry, given, grant, PLAIN, scene } from './scene.ts';

test(
  'beside kubectl writing the file again and again, nothing of its own or of the user is lost, and the file always reads',
  { skip: skipUnless('kubectl') },
  async (t) => {
    const set = scene(t);
    given(set.config, PLAIN);
    const kubectl = async (...args: string[]): Promise<void> => {
      const ended = await run('kubectl', ['config', ...args], { HOME: set.home, KUBECTL_KUBERC: 'false' });
      assert.equal(ended.status, 0, ended.stderr);
    };
    let busy = true;
    const rival = (async () => {
      for (let n = 0; n < 5; n++) await kubectl('set-cluster', `theirs-${n}`, `--server=https://c${n}.example.com`);
      busy = false;
    })();
    let rounds = 0;
    for (; busy || rounds === 0; rounds++) {
      const n = (rounds % 100) + 1;
      const deps = { ...set.deps, waitMs: 60_000 };
      await kubernetesProfiles.write(set.places, entry(set, { name: `p${n}`, grant: grant(n) }), deps);
      if (n % 2 === 0) await kubernetesProfiles.wipe(set.places, (profile) => profile.grant === grant(n), deps);
    }
    await rival;
    const { failed } = await kubernetesProfiles.wipe(set.places, () => true, set.deps);
    assert.deepEqual(failed, []);
    for (let n = 0; n < 5; n++) await kubectl('delete-cluster', `theirs-${n}`);
    assert.equal(fs.readFileSync(set.config, 'utf8'), PLAIN);
    t.diagnostic(`${rounds} profiles were written meanwhile`);
  },
);
