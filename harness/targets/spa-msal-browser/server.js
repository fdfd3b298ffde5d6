// Serves the app: the library's own browser build, one page for every path, and the settings from
// the environment, which an app in a browser cannot read.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const { PORT, OIDC_ISSUER, OIDC_CLIENT_ID } = process.env
const library = 'node_modules/@azure/msal-browser/lib/msal-browser.min.js'
const settings = { authority: OIDC_ISSUER, clientId: OIDC_CLIENT_ID }

const page = ['text/html; charset=utf-8', readFileSync('index.html')]
const files = {
  '/app.js': ['text/javascript', readFileSync('app.js')],
  '/msal-browser.js': ['text/javascript', readFileSync(library)],
  '/config.json': ['application/json', JSON.stringify(settings)],
}

createServer((request, response) => {
  const [type, body] = files[request.url.split('?')[0]] ?? page
  response.writeHead(200, { 'content-type': type })
  response.end(body)
}).listen(PORT, '127.0.0.1')
