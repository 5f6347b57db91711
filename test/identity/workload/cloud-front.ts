/**
 * A real TLS server in the place of a cloud's public address, reached as a real proxy of the user is reached.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempFolder } from '../../support/home.ts';
import { run } from '../../support/run.ts';

export interface CloudFront {
  /** Variables under which a process reaches the server by the name, and trusts it. */
  readonly env: Readonly<Record<string, string>>;
  /** Hosts that the proxy was asked for. */
  readonly asked: string[];
}

/** @param name the only host that the proxy leads to; its certificate comes from an authority of the test's own. */
export async function cloudFront(t: TestContext, name: string, answer: RequestListener): Promise<CloudFront> {
  const folder = tempFolder(t);
  const file = (leaf: string): string => join(folder, leaf);
  const openssl = async (...args: readonly string[]): Promise<void> => {
    const ended = await run('openssl', args);
    assert.equal(ended.status, 0, ended.stderr);
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];
  await openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.pem'),
    '-subj',
    '/CN=test',
    '-days',
    '2',
  );
  await openssl('req', ...key, '-keyout', file('key'), '-out', file('csr'), '-subj', `/CN=${name}`);
  writeFileSync(file('names'), `subjectAltName=DNS:${name}\n`);
  const issuer = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2'];
  await openssl('x509', '-req', '-in', file('csr'), ...issuer, '-extfile', file('names'), '-out', file('pem'));

  const cloud = createServer({ key: readFileSync(file('key')), cert: readFileSync(file('pem')) }, answer);
  const port = await listen(t, cloud);
  const asked: string[] = [];
  const proxy = createHttp((_request, response) => void response.writeHead(502).end());
  proxy.on('connect', (request, socket: Socket) => {
    asked.push(request.url ?? '');
    if (request.url !== `${name}:443`) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const each of [upstream, socket]) each.on('error', () => upstream.destroy());
  });
  const HTTPS_PROXY = `http://127.0.0.1:${await listen(t, proxy)}`;
  return { env: { HTTPS_PROXY, NODE_EXTRA_CA_CERTS: file('ca.pem') }, asked };
}

async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  // Safe: a server that listens on TCP has such an address.
  return (server.address() as AddressInfo).port;
}
