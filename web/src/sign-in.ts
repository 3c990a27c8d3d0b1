// The person who is there: by the link of a terminal, or by a sign-in page, authorization code and PKCE. Tokens of a sign-in
// stay in memory: a page that is loaded again signs in again, which the sign-in page does without asking.
import * as oauth from 'oauth4webapi';

interface SignIn {
  issuer: string;
  client_id: string;
  authorize: string | null;
  token: string | null;
  scope: string;
}

/** What has to survive the way to the sign-in page and back. No token is among it. */
interface Begun {
  verifier: string;
  state: string;
  nonce: string;
  screen: unknown;
}

const BEGUN = 'sign-in';

let signIn: SignIn | null = null;
let token: string | null = null;

/** The token of a sign-in; none before one, and where the link signs in. */
export const bearer = () => token;

/** Whether there is a sign-in page. */
export const isHosted = () => signIn !== null;

/** Signs in where there is a sign-in page. It leaves this page if that has to be asked. */
export async function signInByPage(): Promise<void> {
  const answer = await fetch('/config.json');
  if (!answer.ok) throw new Error(`${answer.status}`);
  ({ sign_in: signIn } = (await answer.json()) as { sign_in: SignIn | null });
  if (!signIn || token) return;
  const begun = sessionStorage.getItem(BEGUN);
  const asked = new URL(location.href);
  if (begun && asked.searchParams.has('state')) {
    sessionStorage.removeItem(BEGUN);
    await end(signIn, JSON.parse(begun) as Begun, asked);
  } else {
    await begin(signIn);
  }
}

/** Forgets the token, which is not taken any more, and goes to the sign-in page. */
export async function signInAgain(): Promise<void> {
  token = null;
  if (signIn) await begin(signIn);
}

async function server({ issuer, authorize, token }: SignIn): Promise<oauth.AuthorizationServer> {
  if (authorize && token) return { issuer, authorization_endpoint: authorize, token_endpoint: token };
  const address = new URL(issuer);
  return oauth.processDiscoveryResponse(address, await oauth.discoveryRequest(address));
}

const page = () => `${location.origin}/`;

async function begin(signIn: SignIn): Promise<void> {
  const { authorization_endpoint: authorize } = await server(signIn);
  const begun: Begun = {
    verifier: oauth.generateRandomCodeVerifier(),
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    screen: history.state,
  };
  sessionStorage.setItem(BEGUN, JSON.stringify(begun));
  const address = new URL(authorize ?? '');
  const asked = {
    response_type: 'code',
    client_id: signIn.client_id,
    redirect_uri: page(),
    scope: signIn.scope,
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(begun.verifier),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  location.assign(address);
  // The page is left. Nothing here happens any more.
  await new Promise(() => undefined);
}

async function end(signIn: SignIn, begun: Begun, asked: URL): Promise<void> {
  history.replaceState(begun.screen, '', location.pathname);
  const as = await server(signIn);
  const client = { client_id: signIn.client_id };
  const parameters = oauth.validateAuthResponse(as, client, asked, begun.state);
  const response = await oauth.authorizationCodeGrantRequest(
    as, client, oauth.None(), parameters, page(), begun.verifier,
  );
  const result = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: begun.nonce,
    requireIdToken: true,
  });
  token = result.access_token;
}
