// Starts oauth2-mock-server: one key of the algorithm, everything else as it comes.
// usage: node oauth2-mock-server.mjs PORT ALG

import { OAuth2Server } from "oauth2-mock-server";

const [port, algorithm] = process.argv.slice(2);
const server = new OAuth2Server();
await server.issuer.keys.generate(algorithm);
await server.start(Number(port), "127.0.0.1");
