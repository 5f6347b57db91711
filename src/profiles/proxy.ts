/**
 * What a proxy must not get to see, and could not reach: this machine.
 * @module
 */
import type { Env } from './tool.ts';

/** The variables with which a child calls this address without its proxy; none where it has none, or the address is elsewhere. */
export function unproxied(env: Env, url: string | null): ReadonlyMap<string, string> {
  const proxied = Object.keys(env).some((name) => /^(?:https?|all)_proxy$/i.test(name) && env[name] !== '');
  const host = url === null ? null : new URL(url).hostname;
  if (!proxied || host === null || !/^(?:127\.|localhost$|\[::1\]$)/.test(host)) return new Map();
  return new Map(
    ['NO_PROXY', 'no_proxy'].map((name) => {
      const before = env[name] ?? env[name.toLowerCase()] ?? env[name.toUpperCase()] ?? '';
      // Behind a comma some programs take the star for the name of a host.
      if (before.trim() === '*') return [name, before];
      return [name, before === '' ? host : `${before},${host}`];
    }),
  );
}
