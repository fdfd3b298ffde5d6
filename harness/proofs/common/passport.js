// An Express app that signs users in with a Passport strategy, as Passport's documentation has it.
const express = require('express')
const session = require('express-session')
const passport = require('passport')

// Runs the app; the strategy's users are ids.
function serve(strategy) {
  const app = express()
  app.use(session({ secret: require('node:crypto').randomUUID(), resave: false, saveUninitialized: false }))
  app.use(passport.initialize())
  app.use(passport.session())
  passport.use('provider', strategy)
  passport.serializeUser((user, done) => done(null, user))
  passport.deserializeUser((user, done) => done(null, user))
  app.get('/', (_request, response) => response.send('<a href="/login">Sign in</a>'))
  app.get('/login', passport.authenticate('provider'))
  app.get('/callback', passport.authenticate('provider', { successRedirect: '/profile', failureRedirect: '/' }))
  app.get('/profile', (request, response) => {
    if (request.user) response.type('text').send(`Signed in as ${request.user}.`)
    else response.redirect('/login')
  })
  app.use((error, _request, response, _next) => {
    console.error(`refused: ${error.message}`)
    response.status(500).send('The sign-in failed.')
  })
  app.listen(process.env.PORT, '127.0.0.1')
}

module.exports = { serve }
