//! After the login: the protected page, for its user and for a stranger, and the way out.

use super::{Case, Change, excerpt};
use crate::run::observed::{line, sign_out_page};
use crate::run::{SetupError, Standing};
use crate::scenario::{Act, Browser, Capability};
use crate::target::Way;

impl Case<'_> {
    /// The login ended somewhere, and the protected page does not show it.
    pub(super) fn nobody_shown(&self) -> SetupError {
        let protected = &self.target.app.protected;
        let probed = self.record.probed(self.step);
        let status = probed.and_then(|entry| entry.answer.status());
        let mut more: Vec<String> = probed.map(line).into_iter().collect();
        let at = |label: &str, advice: String| self.at(&["app", "protected"], label, advice);
        if let Some(change) = probed.and_then(|probed| self.signed_out_fits(probed)) {
            let title = format!("GET {protected} fits [signed_out] after a clean login");
            more.push(format!("the page says {}", excerpt(&self.step.page)));
            return self.error(title, more, change);
        }
        let shown = probed.filter(|probed| self.shows_its_user(probed));
        if let Some(change) = shown.and_then(|probed| self.signed_in_unfit(probed)) {
            let title = format!("GET {protected} does not show who is signed in");
            more.push(format!("the page says {}", excerpt(&self.step.page)));
            return self.error(title, more, change);
        }
        if let Some(path) = self.page_that_shows_the_user()
            && path != *protected
        {
            let title = format!("GET {protected} does not show who is signed in, and {path} does");
            let advice = format!("write protected = \"{path}\"");
            return self.error(title, more, at("shows nobody", advice));
        }
        if self.step.standing == Standing::AsksLogin
            && let Some(error) = self.astray()
        {
            return error;
        }
        let (title, change) = match (status, self.step.standing) {
            (Some(404), _) => (
                format!("there is no page at GET {protected}: the client answers 404"),
                at("", self.which_page("protected")),
            ),
            (Some(status @ 500..), _) => (
                format!("the client answers {status} to GET {protected} after a clean login"),
                at("", "see its output".to_owned()),
            ),
            (_, Standing::AsksLogin) => (
                format!("after a clean login, GET {protected} asks to sign in again"),
                at(
                    "still asks to sign in",
                    "does the client keep the session? Its page after the callback is above; if \
                     it was refused there, see its output"
                        .to_owned(),
                ),
            ),
            (None, _) => (
                format!("the client does not answer GET {protected} after a clean login"),
                at("", "see its output".to_owned()),
            ),
            _ => {
                more.push(format!("the page says {}", excerpt(&self.step.page)));
                (
                    format!("GET {protected} does not show who is signed in"),
                    probed
                        .and_then(|probed| self.signed_in_unfit(probed))
                        .unwrap_or_else(|| self.shows_nobody()),
                )
            }
        };
        self.error(title, more, change)
    }

    fn shows_nobody(&self) -> Change {
        if self.target.signed_in.is_some() {
            return self.at(
                &["signed_in"],
                "does not fit the page",
                "write what the page says of its user: text = \"{user.email}\", or {user.name}, or \
                 {user.sub}; or leave [signed_in] out, and any of them will do",
            );
        }
        let mut advice =
            "name a page that shows the user's sub, name, user name or e-mail, or say \
                          how a signed-in page looks in [signed_in]"
                .to_owned();
        if let Some(more) = self.poor_scope() {
            advice.push_str(&more);
        }
        self.at(&["app", "protected"], "shows nobody", advice)
    }

    /// That the client asked for nothing that a page could show.
    pub(super) fn poor_scope(&self) -> Option<String> {
        let scope = self.authorization_request()?.query("scope");
        let scope = scope.unwrap_or_default();
        let poor = !["profile", "email"].iter().any(|it| scope.contains(it));
        poor.then(|| {
            format!(
                "; the client asked for the scope `{scope}`, which hands out no name and no e-mail"
            )
        })
    }

    /// The page that the login ended at, if that one shows the user.
    fn page_that_shows_the_user(&self) -> Option<String> {
        let mut pages = self.act.iter().filter(|entry| entry.is_page_of_the_app());
        let last = pages.next_back()?;
        let account = self.record.accounts.of(Browser::Victim);
        let shows = |needle: &&str| last.shown().contains(*needle);
        let found = account.needles().iter().any(shows) && last.query("code").is_none();
        found.then(|| last.url.path().to_owned())
    }

    /// The protected page shows the user to a browser that never signed in.
    pub(super) fn shown_to_everybody(&self) -> Option<SetupError> {
        let mut steps = self.record.steps.iter();
        let stranger = steps.find(|step| step.browser == Browser::Attacker)?;
        // Accounts that share something with the victim's are shown along with it.
        match stranger.standing {
            Standing::SignedIn(who) if who != Browser::Attacker => {}
            _ => return None,
        }
        let protected = &self.target.app.protected;
        let mut error = self.error(
            format!("GET {protected} shows the user to a browser that never signed in"),
            Vec::new(),
            self.at(
                &["app", "protected"],
                "answers everybody",
                "name a page that only its user sees: who is signed in cannot be told by this \
                 one. If it is meant to be that page, the client gives everybody its last user",
            ),
        );
        error.seen = vec![
            format!("the user      {}", self.record.probed(self.step).map(line)?),
            format!("a stranger    {}", self.record.probed(stranger).map(line)?),
        ];
        Some(error)
    }

    /// There is no way out where the target file says that there is one.
    pub(super) fn cannot_sign_out(&self) -> Option<SetupError> {
        let mut steps = self.record.steps.iter();
        let step = steps.find(|step| step.act == Act::SignOut)?;
        if !self.target.can(Capability::Logout) {
            return None;
        }
        let logout = &self.target.app.logout;
        let page = sign_out_page(self.target, self.record, step)?;
        let path = logout.path();
        let post = format!("write logout = {{ path = \"{path}\", method = \"POST\" }}");
        let (why, advice) = match (page.answer.status()?, logout) {
            (404, _) => ("there is no such page", self.which_page("logout")),
            (405, Way::Open(_)) => ("it wants a form", post),
            (405, Way::Send { .. }) => (
                "it is no form",
                format!("write logout = \"{path}\", without a method"),
            ),
            (200..300, Way::Open(_))
                if step.standing == Standing::SignedIn(Browser::Victim)
                    && page.shown().contains("<form") =>
            {
                ("it is a page with a form, which nobody sent", post)
            }
            _ => return None,
        };
        let mut error = self.error(
            format!("the client cannot be signed out of: {why}"),
            Vec::new(),
            self.at(&["app", "logout"], why, advice),
        );
        error.seen = vec![line(page)];
        Some(error)
    }
}
