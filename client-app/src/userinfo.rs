//! What a provider tells about a user: the userinfo response and the claims that pages show.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A userinfo response (OpenID Connect Core section 5.3.2, or a plain OAuth 2.0 provider's own).
#[derive(Debug)]
pub(crate) struct Userinfo {
    /// The user's identifier at this provider.
    pub(crate) subject: String,
    pub(crate) profile: Profile,
}

/// The response is no JSON object, or names no user.
#[derive(Debug)]
pub(crate) struct MalformedUserinfo;

impl Userinfo {
    /// Parses the response of an OpenID provider, which names the user by `sub`.
    pub(crate) fn of_openid(body: &[u8]) -> Result<Self, MalformedUserinfo> {
        #[derive(Deserialize)]
        struct Subject {
            sub: String,
        }
        let subject: Subject = serde_json::from_slice(body).map_err(|_| MalformedUserinfo)?;
        Self::new(subject.sub, body)
    }

    /// Parses the response of a plain OAuth 2.0 provider, where `sub` or `id` names the user.
    pub(crate) fn of_oauth(body: &[u8]) -> Result<Self, MalformedUserinfo> {
        #[derive(Deserialize)]
        struct Subject {
            sub: Option<String>,
            id: Option<Value>,
        }
        let named: Subject = serde_json::from_slice(body).map_err(|_| MalformedUserinfo)?;
        let subject = match (named.sub, named.id) {
            (Some(sub), _) => sub,
            (None, Some(Value::String(id))) => id,
            (None, Some(Value::Number(id))) => id.to_string(),
            (None, _) => return Err(MalformedUserinfo),
        };
        Self::new(subject, body)
    }

    fn new(subject: String, body: &[u8]) -> Result<Self, MalformedUserinfo> {
        if subject.is_empty() {
            return Err(MalformedUserinfo);
        }
        let profile = serde_json::from_slice(body).map_err(|_| MalformedUserinfo)?;
        Ok(Self { subject, profile })
    }
}

/// The claims that pages show (OpenID Connect Core section 5.1). All are optional, and one of an
/// unexpected type counts as absent: nothing is decided by them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Profile {
    #[serde(deserialize_with = "text")]
    pub(crate) name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) preferred_username: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) email: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) picture: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) phone_number: Option<String>,
    #[serde(deserialize_with = "address")]
    pub(crate) address: Option<String>,
}

impl Profile {
    /// These claims, and those of `other` where one is absent here.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            name: self.name.or(other.name),
            preferred_username: self.preferred_username.or(other.preferred_username),
            email: self.email.or(other.email),
            picture: self.picture.or(other.picture),
            phone_number: self.phone_number.or(other.phone_number),
            address: self.address.or(other.address),
        }
    }
}

fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    })
}

/// An address claim is an object (section 5.1.1); in our own session it is a text.
fn address<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Object(members) => {
            let part = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
            part("formatted").or_else(|| {
                let parts = [
                    "street_address",
                    "postal_code",
                    "locality",
                    "region",
                    "country",
                ];
                let lines: Vec<String> = parts.into_iter().filter_map(part).collect();
                (!lines.is_empty()).then(|| lines.join(", "))
            })
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_openid_response_needs_a_subject() {
        assert!(Userinfo::of_openid(br#"{"sub":"s"}"#).is_ok());
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"id":"s"}"#,
            r#"{"sub":""}"#,
            r#"{"sub":1}"#,
        ] {
            assert!(Userinfo::of_openid(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_plain_response_may_name_the_user_by_a_number() {
        let named = |body: &str| Userinfo::of_oauth(body.as_bytes()).map(|info| info.subject);
        assert_eq!(named(r#"{"id":42}"#).unwrap(), "42");
        assert_eq!(named(r#"{"id":"x"}"#).unwrap(), "x");
        assert_eq!(named(r#"{"id":"x","sub":"s"}"#).unwrap(), "s");
        assert!(named(r#"{"id":[]}"#).is_err());
    }

    #[test]
    fn a_claim_of_an_unexpected_type_counts_as_absent() {
        let body = r#"{"sub":"s","name":7,"email":null,"address":{"locality":"Bern"}}"#;
        let profile = Userinfo::of_openid(body.as_bytes()).unwrap().profile;
        assert_eq!(profile.name, None);
        assert_eq!(profile.email, None);
        assert_eq!(profile.address.as_deref(), Some("Bern"));
    }
}
