// Starts oidc-provider with one client, opaque access tokens for people and JWTs for clients.
// usage: node oidc-provider.mjs PORT ALG
//
// It has no automatic sign-in. The first authorization request goes through its own interaction,
// which answers itself here; the session cookie that comes of it then answers without a page.

import { generateKeyPairSync } from "node:crypto";

import Provider from "oidc-provider";

const [port, algorithm] = process.argv.slice(2);
const { privateKey } =
  algorithm === "RS256"
    ? generateKeyPairSync("rsa", { modulusLength: 2048 })
    : generateKeyPairSync("ec", { namedCurve: "P-256" });
const resource = "urn:example:api";

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "load",
      client_secret: "load-secret",
      redirect_uris: ["http://127.0.0.1:1/callback"],
      grant_types: ["authorization_code", "client_credentials"],
      id_token_signed_response_alg: algorithm,
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: algorithm, use: "sig" }] },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  // A grant lists its tokens, and the list is walked for each new one: a grant for each request
  // keeps it short, where one for all of them would slow the peer down over time. A token must
  // then not be tied to the session, which remembers the last grant only.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      accountId: ctx.oidc.session.accountId,
      clientId: ctx.oidc.client.clientId,
    });
    grant.addOIDCScope("openid");
    await grant.save();
    return grant;
  },
  expiresWithSession: () => false,
  interactions: { url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx) =>
        ctx.oidc.params.grant_type === "client_credentials" ? resource : undefined,
      getResourceServerInfo: () => ({
        scope: "",
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: algorithm } },
      }),
    },
  },
});

provider.use((ctx, next) =>
  ctx.path.startsWith("/sign-in/")
    ? provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: "alice" } })
    : next(),
);

provider.listen(Number(port), "127.0.0.1");
