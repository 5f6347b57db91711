/**
 * The listener with TLS of its own: real sockets, certificates made by openssl.
 * @module
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect, type ConnectionOptions } from 'node:tls';
import { Hono } from 'hono';
import { listen } from '../../../src/broker/http/listen.ts';
import { readTlsPair, type TlsFiles } from '../../../src/broker/http/tls.ts';
import { JitError } from '../../../src/core/errors.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { eventually } from '../../support/eventually.ts';
import { tempFolder } from '../../support/home.ts';
import { run } from '../../support/run.ts';
import { skipUnless } from '../../support/tools.ts';

const DAY = 86_400_000;
const needs = { skip: skipUnless('openssl') };

async function start(t: TestContext, files: TlsFiles, now = Date.now) {
  const lines: string[] = [];
  const say =
    (level: string) =>
    (text: string, fields = {}) =>
      void lines.push(`${level}: ${text} ${JSON.stringify(fields)}`);
  const log = { info: say('info'), warn: say('warn'), error: say('error') };
  const app = new Hono().get('/', (context) => context.text(new URL(context.req.url).protocol));
  const address = { kind: 'tcp', host: '127.0.0.1', port: 0, tls: files } as const;
  const listener = await listen(app, address, { now, log });
  t.after(async () => listener.close(100));
  return { port: listener.port, lines };
}

interface Handshake {
  readonly protocol: string | null;
  readonly cipher: string;
  readonly name: string;
}

async function shake(port: number, options: ConnectionOptions): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ...options }, () => {
      const name = String(socket.getPeerCertificate().subject.CN);
      resolve({ protocol: socket.getProtocol(), cipher: socket.getCipher().name, name });
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

const subject = async (port: number): Promise<string> => (await shake(port, { rejectUnauthorized: false })).name;

async function refusal(files: TlsFiles): Promise<string> {
  return await readTlsPair(files).then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => {
      assert(thrown instanceof JitError && thrown.code === 'ERR_CONFIG', String(thrown));
      return `${thrown.message}; ${thrown.hint ?? ''}`;
    },
  );
}

test(
  'a client that trusts the certificate gets TLS 1.3, one that knows only 1.2 gets that, and older ones nothing',
  needs,
  async (t) => {
    const folder = tempFolder(t);
    for (const algorithm of ['ec', 'rsa:2048']) {
      const made = await makeCertificate(folder, 'broker', { algorithm });
      const { port } = await start(t, { ...made, host: 'localhost' });
      const ca = readFileSync(made.cert);
      const body = await new Promise((resolve, reject) => {
        const agent = new Agent({ ca });
        request({ host: 'localhost', port, agent }, (response) => {
          response
            .setEncoding('utf8')
            .on('data', resolve)
            .on('end', () => agent.destroy());
        })
          .on('error', reject)
          .end();
      });
      assert.equal(body, 'https:');
      const best = await shake(port, { ca, servername: 'localhost' });
      assert.equal(best.protocol, 'TLSv1.3');
      const older = await shake(port, { ca, servername: 'localhost', maxVersion: 'TLSv1.2' });
      assert.match(older.cipher, /^ECDHE-.*(?:GCM|POLY1305)/);
      const relaxed = 'DEFAULT:@SECLEVEL=0';
      const oldest = {
        ca,
        servername: 'localhost',
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: relaxed,
      } as const;
      await assert.rejects(shake(port, oldest), /protocol version/i);
      const weak = {
        ca,
        servername: 'localhost',
        maxVersion: 'TLSv1.2',
        ciphers: 'AES128-SHA:ECDHE-RSA-AES128-SHA',
      } as const;
      await assert.rejects(shake(port, weak), /handshake failure/i);
    }
  },
);

test('plain HTTP on that port is answered by nothing', needs, async (t) => {
  const made = await makeCertificate(tempFolder(t), 'broker');
  const { port } = await start(t, { ...made, host: 'localhost' });
  const answer = new Promise((resolve, reject) => {
    plainRequest({ host: '127.0.0.1', port }, resolve).on('error', reject).end();
  });
  await assert.rejects(answer);
});

test('files that cannot be used are refused by name, and nothing of the key is in the message', needs, async (t) => {
  const folder = tempFolder(t);
  const made = { ...(await makeCertificate(folder, 'one')), host: 'localhost' };
  const other = await makeCertificate(folder, 'two');
  assert.match(await refusal({ ...made, cert: join(folder, 'none') }), /none: there is no such file/);
  assert.match(await refusal({ ...made, cert: folder }), /not a regular file/);
  assert.match(await refusal({ ...made, key: other.key }), /two\.key: this private key does not belong to .*one\.crt/);
  const text = join(folder, 'text');
  writeFileSync(text, 'CANARY', { mode: 0o600 });
  assert.match(await refusal({ ...made, cert: text }), /text: not a certificate in PEM form/);
  const noKey = await refusal({ ...made, key: text });
  assert.match(noKey, /text: not a private key in PEM form/);
  assert.ok(!noKey.includes('CANARY'));
  const locked = join(folder, 'locked.key');
  const args = ['pkey', '-in', made.key, '-out', locked, '-aes256', '-passout', 'pass:x'];
  assert.equal((await run('openssl', args)).status, 0);
  chmodSync(locked, 0o600);
  assert.match(await refusal({ ...made, key: locked }), /passphrase/);
  for (const mode of [0o640, 0o604, 0o660]) {
    chmodSync(made.key, mode);
    assert.match(await refusal(made), /others can read this private key; close it with: chmod 600/);
  }
  chmodSync(made.key, 0o400);
  await readTlsPair(made);
});

test('the key of another user is refused', { skip: process.geteuid?.() !== 0 && 'needs root' }, async (t) => {
  const { chownSync } = await import('node:fs');
  const made = await makeCertificate(tempFolder(t), 'one');
  chownSync(made.key, 12_345, 12_345);
  assert.match(await refusal({ ...made, host: 'localhost' }), /belongs to another user/);
});

test('the log warns from 14 days before the end, after it, and of a certificate for another host', needs, async (t) => {
  const made = await makeCertificate(tempFolder(t), 'broker', { days: 30 });
  const files = { ...made, host: 'localhost' };
  const after = (days: number) => () => Date.now() + days * DAY;
  assert.deepEqual((await start(t, files)).lines, []);
  assert.deepEqual((await start(t, files, after(15.5))).lines, []);
  assert.match((await start(t, files, after(16.5))).lines.join(), /^warn: the TLS certificate ends in 13 days, on /);
  assert.match(
    (await start(t, files, after(31))).lines.join(),
    /^warn: the TLS certificate ended on .*no client accepts/,
  );
  assert.match((await start(t, files, after(-1))).lines.join(), /^warn: the TLS certificate is valid only from /);
  const elsewhere = await start(t, { ...files, host: 'jit.example.com' });
  assert.match(elsewhere.lines.join(), /^warn: the TLS certificate is not for jit\.example\.com/);
  assert.deepEqual((await start(t, { ...files, host: '127.0.0.1' })).lines, []);
});

test(
  'a renewal as certbot does it, by links, is served without a restart; half of one and a broken one are not',
  needs,
  async (t) => {
    const folder = tempFolder(t);
    const archive = join(folder, 'archive');
    mkdirSync(archive);
    const point = (name: string, target: string): void => {
      symlinkSync(target, join(folder, 'new'));
      renameSync(join(folder, 'new'), join(folder, name));
    };
    const first = await makeCertificate(archive, 'first');
    point('cert.pem', first.cert);
    point('key.pem', first.key);
    const { port, lines } = await start(t, {
      cert: join(folder, 'cert.pem'),
      key: join(folder, 'key.pem'),
      host: 'localhost',
    });
    assert.equal(await subject(port), 'first');

    const second = await makeCertificate(archive, 'second');
    point('cert.pem', second.cert);
    await eventually(() => lines.some((line) => line.startsWith('error: the TLS files are refused')));
    assert.equal(await subject(port), 'first');
    point('key.pem', second.key);
    await eventually(async () => (await subject(port)) === 'second');

    writeFileSync(second.key, 'nonsense');
    await eventually(() => lines.filter((line) => line.startsWith('error:')).length === 2);
    assert.equal(await subject(port), 'second');
  },
);
