// Sign in with MSAL.js by redirect, as its documentation has it for a provider that is not
// Microsoft's: the OIDC mode, with the provider among the known authorities.
const settings = await (await fetch('/config.json')).json()
const client = new msal.PublicClientApplication({
  auth: {
    ...settings,
    knownAuthorities: [new URL(settings.authority).host],
    redirectUri: '/callback',
    postLogoutRedirectUri: '/',
    OIDCOptions: { defaultScopes: ['openid', 'profile', 'email'] },
  },
  system: { protocolMode: 'OIDC' },
})

function show(tag, text, attributes = {}) {
  const element = document.createElement(tag)
  element.textContent = text
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  document.body.append(element)
}

const pages = {
  '/login': () => client.loginRedirect(),
  '/profile': () => {
    const account = client.getActiveAccount()
    if (!account) return show('a', 'Log in', { href: '/login' })
    show('pre', JSON.stringify(account.idTokenClaims, null, 2), { 'data-testid': 'user' })
    show('a', 'Log out', { href: '/logout' })
  },
  '/logout': () => client.logoutRedirect(),
}

try {
  await client.initialize()
  const response = await client.handleRedirectPromise()
  const page = pages[location.pathname]
  if (response) {
    client.setActiveAccount(response.account)
    location.replace('/profile')
  } else if (page) await page()
  else show('a', 'Log in', { href: '/login' })
} catch (error) {
  show('p', error.message, { role: 'alert' })
}
