/**
 * The pages of the identity provider of the tests: sign in, consent, and the code of a device. Plain forms without a script.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';

export interface Pages {
  /** Answers requests below `/interaction/`. @returns whether this was one. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<'served' | 'not mine'>;
}

/** @param admit the subject of an account with that name and password, if it may sign in. */
export function makePages(provider: Provider, admit: (name: string, password: string) => string | null): Pages {
  async function submit(request: IncomingMessage, response: ServerResponse, step: string): Promise<void> {
    const interaction = await provider.interactionDetails(request, response);
    const form = new URLSearchParams(await text(request));
    if (step === 'abort') {
      const refusal = { error: 'access_denied', error_description: 'the person said no' };
      return provider.interactionFinished(request, response, refusal);
    }
    if (step === 'login') {
      const subject = admit(form.get('name') ?? '', form.get('password') ?? '');
      if (subject === null) return show(response, 403, loginForm(interaction.uid, 'That did not work. Try again.'));
      return provider.interactionFinished(request, response, { login: { accountId: subject } });
    }
    const { accountId } = interaction.session ?? {};
    if (accountId === undefined) return show(response, 400, 'nobody is signed in');
    const known = interaction.grantId === undefined ? undefined : await provider.Grant.find(interaction.grantId);
    const grant = known ?? new provider.Grant({ accountId, clientId: String(interaction.params['client_id']) });
    grant.addOIDCScope(String(interaction.params['scope']));
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
  }

  return {
    serve: async (request, response) => {
      const [, uid, step] = /^\/interaction\/([\w-]+)(?:\/(login|consent|abort))?$/.exec(request.url ?? '') ?? [];
      if (uid === undefined) return 'not mine';
      try {
        if (request.method === 'POST' && step !== undefined) await submit(request, response, step);
        else {
          const { prompt, params } = await provider.interactionDetails(request, response);
          show(response, 200, prompt.name === 'login' ? loginForm(uid, '') : consentForm(uid, String(params['scope'])));
        }
      } catch (thrown) {
        show(response, 400, `<p id="error">${escape(String(thrown))}</p>`);
      }
      return 'served';
    },
  };
}

function loginForm(uid: string, problem: string): string {
  return `<h1>Sign in</h1><p id="problem">${problem}</p>
<form method="post" action="/interaction/${uid}/login">
<input name="name" autocomplete="off"><input name="password" type="password"><button id="sign-in">Sign in</button>
</form>
<form method="post" action="/interaction/${uid}/abort"><button id="refuse">Cancel</button></form>`;
}

function consentForm(uid: string, scope: string): string {
  return `<h1>Allow jit?</h1><p id="scope">${escape(scope)}</p>
<form method="post" action="/interaction/${uid}/consent"><button id="allow">Allow</button></form>
<form method="post" action="/interaction/${uid}/abort"><button id="refuse">Refuse</button></form>`;
}

/** The page that asks for the code of a device. */
export function codePage(ctx: KoaContextWithOIDC, form: string, problem: Error | undefined): void {
  ctx.body = page(`<h1>Your code</h1><p id="problem">${problem === undefined ? '' : escape(problem.message)}</p>
${form}<button id="continue" form="op.deviceInputForm">Continue</button>`);
}

/** The page that asks whether this device is really one's own. */
export function confirmPage(ctx: KoaContextWithOIDC, form: string, userCode: string): void {
  ctx.body = page(`<h1>Is this your device?</h1><p id="code">${escape(userCode)}</p>
${form}<button id="confirm" form="op.deviceConfirmForm">Yes</button>
<button id="deny" form="op.deviceConfirmForm" name="abort" value="yes">No</button>`);
}

/** The page at the end of the device flow. */
export function devicePage(ctx: KoaContextWithOIDC): void {
  ctx.body = page('<h1 id="finished">Your device is signed in</h1>');
}

/** Any error of the provider that is shown instead of being sent back. */
export function errorPage(ctx: KoaContextWithOIDC, out: object): void {
  ctx.type = 'html';
  ctx.body = page(`<h1>Error</h1><p id="error">${escape(JSON.stringify(out))}</p>`);
}

function show(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(page(body));
}

function page(body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test provider</title><body>${body}</body></html>`;
}

function escape(raw: string): string {
  return raw.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
