"""social-auth-core's LINE backend, with the endpoints of the provider in LINE's place."""

from social_core.backends.line import LineOAuth2
import social


class Line(LineOAuth2):
    AUTHORIZATION_URL = social.ISSUER + "/authorize"
    ACCESS_TOKEN_URL = social.ISSUER + "/token"

    def user_data(self, access_token, *args, **kwargs):
        # The provider's userinfo, in the form that LINE's profile has.
        user = self.get_json(social.ISSUER + "/userinfo",
                             headers={"Authorization": f"Bearer {access_token}"})
        return {"userId": user["sub"], "displayName": user["name"]}


social.serve(Line)
