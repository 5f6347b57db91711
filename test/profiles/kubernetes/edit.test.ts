import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import { locate } from '../../../src/local/yaml-tree.ts';
import { remarkProfiles } from '../../../src/profiles/kubernetes/extend.ts';
import { putProfile } from '../../../src/profiles/kubernetes/put.ts';
import { profilesIn, readKubeconfig } from '../../../src/profiles/kubernetes/read.ts';
import { removeProfiles } from '../../../src/profiles/kubernetes/remove.ts';
import { anyKubeconfig, grant, NOW, PLAIN, wanted } from './scene.ts';

const FILE = '/home/a/.kube/config';
const put = (text: string | null, n: number): string => putProfile(FILE, text, wanted(n));
const remove = (text: string, n: number): string | null =>
  removeProfiles(FILE, text, (profile) => profile.grant === grant(n)).text;

/** Nothing but the marks of a document: refused, as its own test says. */
function isEmptyDocument(text: string): boolean {
  const located = locate(text);
  return located.kind === 'read' && located.root === null && /^(?:---|\.\.\.)/m.test(text);
}

test('of any file, writing three profiles and wiping them in any order gives back the same bytes', () => {
  const order = fc.shuffledSubarray([1, 2, 3], { minLength: 3 });
  let edited = 0;
  fc.assert(
    fc.property(anyKubeconfig, order, order, (text, writes, wipes) => {
      fc.pre(locate(text).kind === 'read' && !isEmptyDocument(text));
      let now = text;
      for (const n of writes) now = put(now, n);
      assert.equal(put(now, writes[2] ?? 1), now, 'a second time changes nothing');
      now = put(now, writes[0] ?? 1);
      now = remarkProfiles(FILE, now, grant(2), NOW + 5_000);
      const found = profilesIn(readKubeconfig(FILE, now));
      assert.deepEqual(found.map(({ name, intact }) => `${name} ${intact}`).toSorted(), [
        'jit-1 true',
        'jit-2 true',
        'jit-3 true',
      ]);
      for (const n of wipes) now = remove(now, n) ?? '';
      assert.equal(now, text);
      edited += 1;
    }),
    { numRuns: 40 },
  );
  assert.ok(edited > 25);
});

test('an item goes to the top of its list, above the comment of the first one there', () => {
  const before = PLAIN.replace('clusters:\n', 'clusters: # all of them\n# the first\n');
  const after = put(before, 1);
  const lines = after.split('\n');
  assert.equal(lines[1], 'clusters: # all of them');
  assert.equal(lines[2], '- cluster:');
  assert.match(
    after,
    /\n# the first\n- cluster:\n {4}server: https:\/\/prod\.example\.com\n {2}name: prod\ncontexts:\n/,
  );
});

test('a file that cannot be edited without touching what is not ours is refused whole, with the way out', () => {
  const [clusters, contexts] = ['clusters:\n- cluster: {server: https://a}\n  name: a\n', 'contexts: []\n'];
  const refused: Readonly<Record<string, string>> = {
    JSON: '{"apiVersion": "v1", "clusters": []}',
    'a list in flow style': `clusters: [{name: a}]\n${contexts}`,
    'an empty list over two lines': `clusters: [\n]\n${contexts}`,
    'a list with an anchor': `clusters: &all\n- name: a\nx: *all\n`,
    'an anchor on the line below': `clusters:\n  &all\n  - name: a\n`,
    'an alias for a list': `x: &all\n- name: a\nclusters: *all\n`,
    'an alias to the whole of an empty list': `clusters: &all []\nx: *all\n`,
    'a list that is a text': `clusters: none\n${contexts}`,
    'a key that is written out': `? clusters\n: - name: a\n${contexts}`,
    'a tag on the list': `clusters: !!seq\n- name: a\n${contexts}`,
    'no map': '- a\n',
    'a text': 'hello\n',
    'an empty document': '---\n',
    'old line ends': `${clusters}${contexts}`.replaceAll('\n', '\r'),
    'two documents': `${clusters}---\n${contexts}`,
    'a key that is there twice': `${clusters}${clusters}`,
    'a tab': `clusters:\n\t- name: a\n`,
    'half a file': 'clusters:\n- cluster: {server: "https://a\n',
    'aliases without measure': `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n`,
  };
  for (const [name, text] of Object.entries(refused)) {
    assert.throws(
      () => put(text, 1),
      { code: 'ERR_LOCAL_FILE', hint: /KUBECONFIG=~\/\.kube\/jit|repair line \d+/ },
      name,
    );
  }
});

test('what somebody added to an entry stays under its name, without the mark; of the rest, only what nobody changed goes', () => {
  const text = put(PLAIN, 1)
    .replace(
      '    server: "https://k8s.example.com"\n',
      '    # through the tunnel\n    server: "https://k8s.example.com"\n    proxy-url: socks5://localhost:1080\n',
    )
    .replace('      interactiveMode: "Never"\n', '      interactiveMode: "Always"\n');
  const { removed, text: after } = removeProfiles(FILE, text, () => true);
  assert.deepEqual(
    removed.map(({ kept, profile }) => [profile.intact, kept]),
    [[false, ['cluster.proxy-url', 'user.exec']]],
  );
  const mine = '- cluster:\n    # through the tunnel\n    proxy-url: socks5://localhost:1080\n  name: "jit-1"\n';
  assert.ok(
    after?.startsWith(`apiVersion: v1\nclusters:\n${mine}- cluster:\n    server: https://prod.example.com\n`),
    after ?? '',
  );
  assert.match(after ?? '', /users:\n- name: "jit-1"\n {2}user:\n {4}exec:\n[^-]*args:\n/);
  assert.doesNotMatch(after ?? '', /gr_01040g2081040g2081040g2081"\n {8}open/);
  assert.deepEqual(profilesIn(readKubeconfig(FILE, after ?? '')), []);
});

test('an extension of somebody else in an entry of ours stays', () => {
  const other = '    - extension: {by: me}\n      name: mine\n';
  for (const place of ['    extensions:\n', '      name: "jit"\n']) {
    const text = put(PLAIN, 1).replace(place, `${place}${other}`);
    const { removed, text: after } = removeProfiles(FILE, text, () => true);
    assert.deepEqual(
      removed.map(({ kept }) => kept),
      [['cluster.extensions']],
    );
    assert.ok(
      after?.startsWith(`apiVersion: v1\nclusters:\n- cluster:\n    extensions:\n${other}  name: "jit-1"\n`),
      after ?? '',
    );
  }
});

test("a copy under another name is the user's: it stays without the mark; a renamed context goes, for it leads nowhere", () => {
  const made = put(PLAIN, 1);
  const [start, end] = [made.indexOf('- cluster:\n'), made.indexOf('- cluster:\n    server: https://prod')];
  const copy = made
    .slice(start, end)
    .replace('name: "jit-1"\n', 'name: mine\n')
    .replace('  name: "jit-1"\n', '  name: mine\n');
  const text = made
    .replace('clusters:\n', `clusters:\n${copy}`)
    .replace(/(- context:\n[^-]*-[^-]*)  name: "jit-1"\n/, '$1  name: other\n');
  assert.notEqual(text, made);
  const { removed, text: after } = removeProfiles(FILE, text, () => true);
  assert.deepEqual(
    removed.map(({ profile, kept }) => [profile.intact, kept]),
    [[false, ['cluster mine']]],
  );
  assert.equal(
    after,
    PLAIN.replace('clusters:\n', 'clusters:\n- cluster:\n    server: "https://k8s.example.com"\n  name: mine\n'),
  );
});

test("the user's namespace in a context of ours goes with it", () => {
  const text = put(PLAIN, 1).replace('    cluster: "jit-1"\n', '    cluster: "jit-1"\n    namespace: elsewhere\n');
  assert.notEqual(text, put(PLAIN, 1));
  assert.equal(profilesIn(readKubeconfig(FILE, text))[0]?.intact, true);
  assert.equal(remove(text, 1), PLAIN);
});

test('marks that jit never wrote are none: whatever they say, nothing goes', () => {
  const mark = (extension: string): string =>
    `clusters:\n- cluster:\n    extensions:\n    - extension: ${extension}\n      name: jit\n    server: x\n  name: a\n`;
  const id = grant(1);
  for (const extension of [
    'null',
    '[]',
    'text',
    `{grant: ${id}}`,
    `{grant: gr_x, ends: "2026-01-01T00:00:00Z", origin: list, own: "", profile: a}`,
    `{grant: ${id}, ends: soon, origin: list, own: "", profile: a}`,
    `{grant: ${id}, ends: "2026-01-01T00:00:00Z", origin: other, own: "", profile: a}`,
    `{grant: ${id}, ends: "2026-01-01T00:00:00Z", origin: list, own: [], profile: a}`,
    `{grant: ${id}, ends: "2026-01-01T00:00:00Z", origin: list, own: "", profile: 1}`,
  ]) {
    assert.equal(removeProfiles(FILE, mark(extension), () => true).text, mark(extension), extension);
  }
});

test('however the lines of a file were shuffled, doubled and cut, a wipe takes none that jit did not write, or refuses', () => {
  const made = put(put(PLAIN, 1), 2);
  const theirs = new Set(PLAIN.split('\n').filter((line) => !/^(?:- )? *(?:cluster|context|user|name):|^$/.test(line)));
  const change = fc.record({
    at: fc.nat(120),
    how: fc.constantFrom('cut', 'double', 'swap', 'indent', 'note', 'key'),
    to: fc.nat(120),
  });
  // Inside of the mark everything is jit's.
  const inMark = /^ *(?:- extension:|(?:ends|grant|open|origin|own|profile): |name: "jit"$)/;
  let wiped = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const lines = made.split('\n');
      for (const { at, how, to } of changes) {
        const here = at % lines.length;
        const line = lines[here] ?? '';
        const blanks = /^ */.exec(line)?.[0] ?? '';
        if (how === 'cut') lines.splice(here, 1);
        else if (how === 'double') lines.splice(to % lines.length, 0, line);
        else if (how === 'swap') lines.splice(to % lines.length, 0, ...lines.splice(here, 1));
        else if (how === 'indent') lines[here] = `  ${line}`;
        else if (how === 'note' || !inMark.test(line))
          lines.splice(here, 0, how === 'note' ? `${blanks}# a note` : `${blanks}mine: ${to}`);
      }
      const text = lines.join('\n');
      let after: string;
      try {
        after = removeProfiles(FILE, text, ({ grant: found }) => found === grant(1)).text ?? '';
      } catch (thrown) {
        assert.ok(thrown instanceof JitError && thrown.code === 'ERR_LOCAL_FILE', String(thrown));
        return;
      }
      if (after !== text) wiped += 1;
      const foreign = (each: string): readonly string[] =>
        each.split('\n').filter((line) => theirs.has(line) || /mine: \d|# a note/.test(line));
      assert.deepEqual(foreign(after), foreign(text));
    }),
    { numRuns: 100 },
  );
  assert.ok(wiped > 10, `${wiped} were wiped`);
});

test('what stood last in a file without an end of its line does so again, whatever ends the other lines have by then', () => {
  for (const end of ['users:', 'users: []', 'users: null', 'users: # none']) {
    const before = `clusters: []\ncontexts: []\n${end}`;
    const [made, other] = [put(before, 1), 'clusters: []\r\ncontexts: []\r\n'];
    assert.equal(remove(made, 1), before);
    const changed = made.replace('clusters:\n', 'kind: Config\r\nclusters:\n');
    assert.equal(remove(changed, 1), `kind: Config\r\n${before}`);
    assert.equal(remove(put(`${other}${end}`, 1), 1), `${other}${end}`);
  }
});
