// Starts @mongodb-js/oidc-mock-provider, which signs with RS256 only.
// usage: node oidc-mock-provider.mjs PORT

import { OIDCMockProvider } from "@mongodb-js/oidc-mock-provider";

const [port] = process.argv.slice(2);
await OIDCMockProvider.create({
  port: Number(port),
  hostname: "127.0.0.1",
  getTokenPayload: () => ({ expires_in: 3600, payload: { sub: "alice" } }),
});
