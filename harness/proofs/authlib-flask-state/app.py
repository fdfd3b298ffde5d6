"""Authlib's Flask client, which keeps pending logins in a cache instead of the session cookie."""

import authlib_flask


class Cache:
    """What Authlib asks of a cache; Redis in production."""

    kept = {}

    def get(self, key):
        return self.kept.get(key)

    def set(self, key, value, expires=None):
        self.kept[key] = value

    def delete(self, key):
        self.kept.pop(key, None)


authlib_flask.serve(cache=Cache())
