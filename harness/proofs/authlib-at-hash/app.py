"""Authlib's Flask client, without further options."""

import authlib_flask

authlib_flask.serve()
