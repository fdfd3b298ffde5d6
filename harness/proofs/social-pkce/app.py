"""A backend of one's own, on the class that social-auth-core has for PKCE."""

from social_core.backends.oauth import BaseOAuth2PKCE
import social


class Provider(BaseOAuth2PKCE):
    name = "provider"
    AUTHORIZATION_URL = social.ISSUER + "/authorize"
    ACCESS_TOKEN_URL = social.ISSUER + "/token"
    ID_KEY = "sub"
    REDIRECT_STATE = False
    DEFAULT_SCOPE = ["profile", "email"]

    def get_user_details(self, response):
        return {"username": response["preferred_username"], "email": response["email"]}

    def user_data(self, access_token, *args, **kwargs):
        return self.get_json(social.ISSUER + "/userinfo",
                             headers={"Authorization": f"Bearer {access_token}"})


# The default of 4.8.6 is shorter than RFC 7636 allows, and a provider that looks refuses it.
social.serve(Provider, PKCE_CODE_VERIFIER_LENGTH=64)
