// @ts-check
/** Glewlwyd, set up by its own API when it starts for the first time. The user is ada, lovelace. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder, port } from './log.js'

const url = `http://127.0.0.1:${port}`
const database = join(folder, 'glewlwyd.db')
const config = join(folder, 'glewlwyd.conf')
const scope = 'orders'

writeFileSync(
  config,
  `
port=${port}
bind_address="127.0.0.1"
external_url="${url}"
api_prefix="api"
log_mode="file"
log_level="INFO"
log_file="${join(folder, 'glewlwyd.log')}"
cookie_secure=0
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
static_files_path="/usr/share/glewlwyd/webapp/"
use_secure_connection=false
secure_connection_key_file="/none"
secure_connection_pem_file="/none"
secure_connection_ca_file="/none"
database = { type = "sqlite3"; path = "${database}"; };
`,
)
const isNew = !existsSync(database)
if (isNew)
  spawnSync('sqlite3', [database], {
    input: readFileSync('/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3'),
  })

const server = spawn('glewlwyd', ['--config-file', config], { stdio: 'inherit' })
server.once('exit', code => process.exit(code ?? 1))
if (isNew) await setUp()

async function setUp() {
  await started()
  const answer = await post('auth', { username: 'admin', password: 'password' })
  const cookie = answer.headers
    .getSetCookie()
    .map(each => each.split(';')[0])
    .join('; ')
  await post('scope/', { name: scope, display_name: scope, password_required: true, scheme: {} }, cookie)
  await post('user/', { username: 'ada', password: 'lovelace', enabled: true, scope: [scope] }, cookie)
  await post(
    'client/',
    {
      client_id: 'spa',
      enabled: true,
      confidential: false,
      scope: [],
      redirect_uri: ['https://shop.example.com/'],
      authorization_type: ['code', 'refresh_token'],
      token_endpoint_auth_method: ['none'],
    },
    cookie,
  )
  // The last one: a server with this plug-in is ready.
  await post('mod/plugin/', plugin(), cookie)
}

/** The plug-in for OpenID Connect, with refresh tokens that are good for one use. */
function plugin() {
  return {
    module: 'oidc',
    name: 'oidc',
    display_name: 'OpenID Connect',
    enabled: true,
    parameters: {
      iss: url,
      'jwt-type': 'sha',
      'jwt-key-size': '256',
      key: 'a key of a test, long enough for HS256',
      'access-token-duration': 3,
      'refresh-token-duration': 3600,
      'refresh-token-rolling': false,
      'refresh-token-one-use': 'always',
      'code-duration': 600,
      'allow-non-oidc': true,
      'auth-type-code-enabled': true,
      'auth-type-refresh-enabled': true,
      'introspection-revocation-allowed': true,
      'introspection-revocation-allow-target-client': true,
    },
  }
}

async function started() {
  for (;;) {
    try {
      return await fetch(`${url}/config`)
    } catch {
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

/**
 * @param {string} path
 * @param {object} body
 * @param {string} [cookie]
 */
async function post(path, body, cookie = '') {
  const answer = await fetch(`${url}/api/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Cookie: cookie },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`Glewlwyd refuses ${path}: ${answer.status} ${await answer.text()}`)
  return answer
}
