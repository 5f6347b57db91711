/**
 * The three places that keys come from: what the issuer's discovery document names, a URL, a file.
 * @module
 */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import * as z from 'zod';
import { JitError } from '../../core/errors.ts';
import type { Reach } from '../../outbound/address.ts';
import { type FetchJson, LARGEST, parse } from './fetch.ts';
import { type KeyUse, type PublicKey, readKeys } from './jwks.ts';
import type { Origin } from './keys.ts';
import { detailOf, unavailable } from './refusal.ts';

/** For a discovery document and its keys together. */
export const DEADLINE_MS = 5_000;

export interface Net {
  readonly fetchJson: FetchJson;
  readonly deadlineMs: number;
}

const discovery = z.object({ issuer: z.string(), jwks_uri: z.string() });

/** OpenID Connect Discovery 1.0 section 4: the document at the issuer, which must name exactly that issuer (section 4.3). */
export function fromDiscovery(issuer: string, reach: Reach, net: Net): Origin {
  return remote(issuer, net, async (signal) => {
    const url = discoveryUrl(issuer);
    const read = discovery.safeParse(await net.fetchJson(url, reach, signal));
    if (!read.success) throw unavailable(`${url} is no discovery document`);
    if (read.data.issuer !== issuer) throw unavailable(`${url} speaks for another issuer`);
    return keysIn(await net.fetchJson(read.data.jwks_uri, reach, signal), 'sig', read.data.jwks_uri);
  });
}

/** Where an issuer publishes its discovery document. */
export function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

export function fromUrl(url: string, use: KeyUse, reach: Reach, net: Net): Origin {
  return remote(url, net, async (signal) => keysIn(await net.fetchJson(url, reach, signal), use, url));
}

function remote(
  name: string,
  { deadlineMs }: Net,
  load: (signal: AbortSignal) => Promise<readonly PublicKey[]>,
): Origin {
  return { name, load: async () => await load(AbortSignal.timeout(deadlineMs)), version: async () => null };
}

/** A file, often kept by somebody else's program, that may be replaced at any time; a link is followed, as in a mounted volume. */
export function fromFile(path: string, use: KeyUse): Origin {
  return {
    name: path,
    load: async () => keysIn(await readFile(path), use, path),
    version: async () => {
      const stats = await stat(path, { bigint: true }).catch(() => null);
      return stats === null ? 'missing' : [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' ');
    },
  };
}

async function readFile(path: string): Promise<unknown> {
  try {
    // Opening a FIFO must not wait for a writer.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw unavailable(`${path} is not a regular file`);
      if ((stats.mode & 0o002) !== 0 && process.platform !== 'win32') {
        throw unavailable(`everybody can write to ${path}`);
      }
      if (stats.size > LARGEST) throw unavailable(`${path} is larger than ${LARGEST} bytes`);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(LARGEST + 1), 0, LARGEST + 1, 0);
      if (bytesRead > LARGEST) throw unavailable(`${path} is larger than ${LARGEST} bytes`);
      return parse(buffer.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    throw thrown instanceof JitError ? thrown : unavailable(`${path} cannot be read`, thrown);
  }
}

function keysIn(document: unknown, use: KeyUse, where: string): readonly PublicKey[] {
  try {
    return readKeys(document, use);
  } catch (thrown) {
    throw unavailable(`${where}: ${detailOf(thrown)}`, thrown);
  }
}
