/**
 * Where other services call the broker. They sign their calls themselves, each in its own way, over the bytes that they send.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Hook } from '../../core/hook.ts';
import { openRoute, type Route } from './routes.ts';

/** @param hooks by the name that the configuration gives to the service. */
export function hookRoutes(hooks: ReadonlyMap<string, Hook>): readonly Route[] {
  return [
    openRoute({
      method: 'POST',
      path: '/v1/hooks/{id}',
      summary: 'A call by a service that is configured under this name, signed in its own way',
      access: () => 'open',
      raw: 'as sent',
      reply: null,
      status: 200,
      run: async ({ id, raw }) => {
        const hook = hooks.get(id);
        if (hook === undefined || raw === null) {
          throw new JitError({ code: 'ERR_NOT_FOUND', message: 'no service of that name calls this broker' });
        }
        await hook(raw);
      },
    }),
  ];
}
