// Runs the flows, or with --list names them: tab-separated status, library, version, flow, detail.

import { flows as oauth4webapi } from './oauth4webapi-flows.mjs'
import { flows as openidClient } from './openid-client-flows.mjs'
import { run } from './support.mjs'

const onlyList = process.argv.includes('--list')
await run('openid-client', openidClient, onlyList)
await run('oauth4webapi', oauth4webapi, onlyList)
