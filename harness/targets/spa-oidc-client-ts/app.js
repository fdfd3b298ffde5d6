// Sign in with oidc-client-ts, in the steps of its documentation for the code flow with PKCE.
const settings = await (await fetch('/config.json')).json()
const manager = new oidc.UserManager({
  ...settings,
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/`,
  scope: 'openid profile email',
  loadUserInfo: true,
})

function show(tag, text, attributes = {}) {
  const element = document.createElement(tag)
  element.textContent = text
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  document.body.append(element)
}

const pages = {
  '/login': () => manager.signinRedirect(),
  '/callback': async () => {
    await manager.signinCallback()
    location.replace('/profile')
  },
  '/profile': async () => {
    const user = await manager.getUser()
    if (!user || user.expired) return show('a', 'Log in', { href: '/login' })
    show('pre', JSON.stringify(user.profile, null, 2), { 'data-testid': 'user' })
    show('a', 'Log out', { href: '/logout' })
  },
  '/logout': () => manager.signoutRedirect(),
}

try {
  const page = pages[location.pathname]
  if (page) await page()
  else show('a', 'Log in', { href: '/login' })
} catch (error) {
  show('p', error.message, { role: 'alert' })
}
