//! The parameters of an authorization response, as they arrive at the redirect URI, and those of
//! the link that begins a login.

/// Those that we read. Others have to be ignored (RFC 6749 section 4.1.2), repeated or not.
const KNOWN: [&str; 5] = ["state", "iss", "error", "error_description", "code"];

/// The parameters, in their order.
pub(crate) struct CallbackParameters(Vec<(String, String)>);

impl CallbackParameters {
    /// Decodes the query of the request.
    pub(crate) fn of_query(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// The first value of a parameter. One without a value counts as absent (RFC 6749 section 3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// The name of a parameter that we would read and that is there more than once.
    pub(crate) fn repeated(&self) -> Option<&'static str> {
        KNOWN.into_iter().find(|name| self.all(name).count() > 1)
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the link to `/login` may say.
#[derive(Default)]
pub(crate) struct LoginParameters {
    /// The provider to sign in with.
    pub(crate) provider: Option<String>,
    /// The page that the user wants to end on; anybody can have written it.
    pub(crate) return_to: Option<String>,
}

impl LoginParameters {
    /// Decodes the query of the request.
    pub(crate) fn of_query(query: Option<&str>) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "provider" => parameters.provider = Some(value.into_owned()),
                "return_to" => parameters.return_to = Some(value.into_owned()),
                _ => {}
            }
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_without_a_value_counts_as_absent() {
        let parameters = CallbackParameters::of_query(Some("code=&state=a%20b&iss"));
        assert_eq!(parameters.get("code"), None);
        assert_eq!(parameters.get("iss"), None);
        assert_eq!(parameters.get("state"), Some("a b"));
    }

    #[test]
    fn only_parameters_that_are_read_must_not_be_repeated() {
        let repeated = |query| CallbackParameters::of_query(Some(query)).repeated();
        assert_eq!(repeated("code=a&code=a"), Some("code"));
        assert_eq!(repeated("state=a&code=b&state="), Some("state"));
        assert_eq!(repeated("code=a&hint=1&hint=2"), None);
    }

    #[test]
    fn no_query_is_no_parameters() {
        assert_eq!(CallbackParameters::of_query(None).get("code"), None);
        let garbage = CallbackParameters::of_query(Some("%ff%zz=&&==%00"));
        assert_eq!(garbage.get("code"), None);
    }
}
