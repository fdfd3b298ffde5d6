// Runs the flows, or with --list names them: tab-separated status, library, version, flow, detail.

import { flows as oauth4webapi } from './oauth4webapi-flows.mjs'
import { flows as oauth4webapiKeys } from './oauth4webapi-key-flows.mjs'
import { flows as openidClient } from './openid-client-flows.mjs'
import { flows as openidClientKeys } from './openid-client-key-flows.mjs'
import { run } from './support.mjs'

const onlyList = process.argv.includes('--list')
await run('openid-client', { ...openidClient, ...openidClientKeys }, onlyList)
await run('oauth4webapi', { ...oauth4webapi, ...oauth4webapiKeys }, onlyList)
