/**
 * The service of alerts answers as the published pages have it, so that tests against it mean something.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startJsm, uuid } from './jsm.ts';

interface Got {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function get(url: string, authorization: string): Promise<Got> {
  const answer = await fetch(url, { headers: { authorization } });
  // Safe: the bodies of this service are objects.
  return { status: answer.status, body: (await answer.json()) as Got['body'] };
}

for (const flavour of ['jsm', 'opsgenie'] as const) {
  test(`${flavour}: one alert, pages of them, who is on call, and nothing for strangers`, async () => {
    const jsm = await startJsm(flavour, { pageSize: 2 });
    try {
      const [root, key, list, links] =
        flavour === 'jsm'
          ? [`${jsm.url}/${jsm.cloud}/v1`, `Basic ${btoa(`${jsm.user}:${jsm.token}`)}`, 'values', 'links']
          : [`${jsm.url}/v2`, `GenieKey ${jsm.token}`, 'data', 'paging'];
      const alert = jsm.openAlert({ tags: ['web'] });
      for (const each of [1, 2]) jsm.openAlert({ message: `more ${each}` });
      const read = await get(`${root}/alerts/${alert.id}`, key);
      // Safe: so the pages have it.
      const found = (flavour === 'jsm' ? read.body : read.body['data']) as Got['body'];
      assert.deepEqual(
        [found['id'], found['status'], found['tinyId'], found['tags']],
        [alert.id, 'open', '1', ['web']],
      );
      assert.equal((await get(`${root}/alerts/${uuid(7)}`, key)).status, 404);
      assert.equal((await get(`${root}/alerts/${alert.id}`, 'Basic eA==')).status, 401);
      const first = await get(`${root}/alerts?query=status:open&offset=0&size=100&limit=100`, key);
      assert.equal(JSON.stringify(first.body[list]).split('"tinyId"').length - 1, 2);
      assert.match(JSON.stringify(first.body[links]), /"next"/);
      const last = await get(`${root}/alerts?query=status:open&offset=2&size=100&limit=100`, key);
      assert.deepEqual(last.body[links], {});
      assert.equal((await get(`${root}/alerts?query=nonsense`, key)).status, 422);
      jsm.onCall.set(uuid(5), [{ type: 'user', id: 'u1' }]);
      const duty = await get(`${root}/schedules/${uuid(5)}/on-calls?flat=false`, key);
      assert.match(JSON.stringify(duty.body), /"onCallParticipants":\[\{"type":"user","id":"u1"\}\]/);
      assert.equal((await get(`${root}/schedules/${uuid(6)}/on-calls?flat=false`, key)).status, 404);
      jsm.change(alert.id, { status: 'closed' }, 'Close');
      assert.deepEqual(
        jsm.messages.map(({ body }) => /"action":"(\w+)"/.exec(body)?.[1]),
        ['Create', 'Create', 'Create', 'Close'],
      );
    } finally {
      await jsm.stop();
    }
  });
}
