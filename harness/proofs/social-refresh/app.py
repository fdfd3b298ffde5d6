"""social-auth-core's OpenID Connect backend; the page renews the access token when it is over."""

import requests
from social_core.backends.open_id_connect import OpenIdConnectAuth
import social


class Provider(OpenIdConnectAuth):
    name = "provider"
    OIDC_ENDPOINT = social.ISSUER


def page(strategy, account):
    """The user's name, asked of the provider with the access token."""
    backend = account.get_backend_instance(strategy)

    def name():
        header = {"Authorization": f"Bearer {account.access_token}"}
        return requests.get(backend.userinfo_url(), headers=header, timeout=5)

    answer = name()
    if answer.status_code == 401:
        account.refresh_token(strategy)
        answer = name()
    answer.raise_for_status()
    return answer.json()["name"]


social.serve(Provider, SCOPE=["offline_access"], PAGE=page)
