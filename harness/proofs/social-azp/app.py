"""social-auth-core's OpenID Connect backend, as it is."""

from social_core.backends.open_id_connect import OpenIdConnectAuth
import social


class Provider(OpenIdConnectAuth):
    name = "provider"
    OIDC_ENDPOINT = social.ISSUER


social.serve(Provider)
