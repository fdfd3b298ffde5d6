"""social-auth-core's MailChimp backend, with the endpoints of the provider in MailChimp's place."""

from social_core.backends.mailchimp import MailChimpOAuth2
import social


class MailChimp(MailChimpOAuth2):
    AUTHORIZATION_URL = social.ISSUER + "/authorize"
    ACCESS_TOKEN_URL = social.ISSUER + "/token"
    DEFAULT_SCOPE = ["profile", "email"]

    def user_data(self, access_token, *args, **kwargs):
        # The provider's userinfo, in the form that MailChimp's metadata has.
        user = self.get_json(social.ISSUER + "/userinfo",
                             headers={"Authorization": f"Bearer {access_token}"})
        return {"user_id": user["sub"],
                "login": {"login_name": user["preferred_username"], "email": user["email"]}}


social.serve(MailChimp)
