//! What a fault does, in a few human words.

use serde_json::{Map, Value};

use super::{
    AuthorizeFault, DocumentFault, Fault, JwksFault, JwtFault, RedirectFault, Reply, TransportAct,
};

impl Fault {
    /// What the fault does, such as `id-token: aud = "another-client"`.
    pub fn summary(&self) -> String {
        let documents = [
            ("metadata", &self.metadata),
            ("token", &self.token),
            ("userinfo", &self.userinfo),
            ("introspection", &self.introspection),
            ("device", &self.device),
            ("par", &self.par),
            ("registration", &self.registration),
        ];
        let mut parts: Vec<String> = documents
            .into_iter()
            .filter_map(|(point, fault)| Some(line(point, &of_document(fault.as_ref()?))))
            .collect();
        parts.extend(self.jwks.as_ref().map(|it| line("jwks", &of_jwks(it))));
        parts.extend((self.authorize.as_ref()).map(|it| line("authorize", &of_authorize(it))));
        parts.extend((self.redirect.as_ref()).map(|it| line("redirect", &of_redirect(it))));
        parts.extend((self.id_token.as_ref()).map(|it| line("id-token", &of_jwt(it))));
        parts.extend((self.logout_token.as_ref()).map(|it| line("logout-token", &of_jwt(it))));
        parts.extend((self.access_token.as_ref()).map(|it| {
            let mut changes: Vec<String> = it.jwt.iter().flat_map(of_jwt).collect();
            if it.dead {
                changes.insert(0, "dead".to_owned());
            }
            line("access-token", &changes)
        }));
        parts.extend(self.transport.as_ref().map(|it| {
            let at = it.at.as_str();
            match it.act {
                TransportAct::Delay(pause) => format!("transport: delay of {pause} at {at}"),
                act => format!("transport: {} at {at}", act.as_str()),
            }
        }));
        parts.join("; ")
    }
}

impl TransportAct {
    /// The name, as in scenario files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::Close => "close",
            Self::Truncate => "truncate",
            Self::Garbage => "garbage",
            Self::Trickle => "trickle",
            Self::Chunked => "chunked",
            Self::Delay(_) => "delay",
        }
    }

    /// Whether the client gets all of the response in the end, and the connection stays open.
    pub fn leaves_the_response_whole(self) -> bool {
        matches!(self, Self::Delay(_) | Self::Chunked)
    }
}

fn line(point: &str, changes: &[String]) -> String {
    format!("{point}: {}", changes.join(", "))
}

fn of_document(fault: &DocumentFault) -> Vec<String> {
    let mut changes: Vec<String> = sets("", &fault.set).collect();
    changes.extend(fault.json.iter().map(|json| format!("json {json}")));
    changes.extend(fault.remove.iter().map(|name| format!("no {name}")));
    changes.extend(sets("first ", &fault.before));
    changes.extend(sets("also ", &fault.after));
    changes.extend(fault.error.iter().map(|error| format!("error {error}")));
    changes.extend(fault.reply.iter().flat_map(of_reply));
    changes
}

fn of_jwks(fault: &JwksFault) -> Vec<String> {
    let mut changes: Vec<String> = (fault.remove_members.iter())
        .map(|name| format!("no {name}"))
        .collect();
    if fault.empty {
        let others = if fault.before.is_empty() {
            ""
        } else {
            " of its own"
        };
        changes.push(format!("no keys{others}"));
    }
    changes.extend(fault.before.iter().map(|key| format!("first {key}")));
    if fault.fillers > 0 {
        changes.push(format!("{} more keys first", fault.fillers));
    }
    changes.extend((fault.foreign.iter()).map(|kid| format!("first a foreign key {kid:?}")));
    changes.extend(fault.reply.iter().flat_map(of_reply));
    changes
}

fn of_authorize(fault: &AuthorizeFault) -> Vec<String> {
    let mut changes = vec![format!("sent on to {}", fault.forward_to)];
    changes.extend(
        fault
            .set
            .iter()
            .map(|(name, value)| format!("{name} = {value:?}")),
    );
    changes
}

fn of_redirect(fault: &RedirectFault) -> Vec<String> {
    let mut changes = Vec::new();
    if let Some(error) = &fault.error {
        let beside = if error.keep_code {
            " beside the code"
        } else {
            ""
        };
        changes.push(format!("error {}{beside}", error.code));
    }
    changes.extend(
        fault
            .set
            .iter()
            .map(|(name, value)| format!("{name} = {value:?}")),
    );
    changes.extend(fault.remove.iter().map(|name| format!("no {name}")));
    changes.extend(
        fault
            .append
            .iter()
            .map(|(name, value)| format!("also {name} = {value:?}")),
    );
    changes
}

fn of_jwt(fault: &JwtFault) -> Vec<String> {
    let mut changes: Vec<String> = sets("", &fault.claims).collect();
    changes.extend(
        fault
            .claims_json
            .iter()
            .map(|json| format!("claims {json}")),
    );
    changes.extend(fault.remove.iter().map(|name| format!("no {name}")));
    changes.extend(fault.shift.iter().map(|(name, by)| format!("{name} {by}")));
    let fractional = fault.fractional.iter();
    changes.extend(fractional.map(|name| format!("{name} as a fraction")));
    changes.extend(sets("first ", &fault.claims_before));
    changes.extend(sets("also ", &fault.claims_after));
    changes.extend(sets("header ", &fault.header));
    changes.extend(
        fault
            .remove_header
            .iter()
            .map(|name| format!("no header {name}")),
    );
    changes.extend(
        fault
            .sign
            .iter()
            .map(|how| format!("signed {}", how.as_str())),
    );
    changes
}

fn of_reply(reply: &Reply) -> Vec<String> {
    let mut changes = Vec::new();
    changes.extend(reply.status.iter().map(|status| format!("status {status}")));
    changes.extend(reply.content_type.iter().map(|kind| format!("type {kind}")));
    changes.extend(
        reply
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    if let Some(body) = &reply.body {
        changes.push(format!("another body of {} bytes", body.len()));
    }
    changes.extend(reply.prefix.iter().map(|text| format!("after {text:?}")));
    changes.extend((reply.suffix.iter()).map(|text| format!("followed by {text:?}")));
    changes.extend(
        reply
            .pad
            .iter()
            .map(|size| format!("padded to {size} bytes")),
    );
    changes
}

fn sets<'a>(prefix: &'a str, members: &'a Map<String, Value>) -> impl Iterator<Item = String> + 'a {
    members
        .iter()
        .map(move |(name, value)| format!("{prefix}{name} = {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_summary_reads_as_a_sentence() {
        let summary = |fault: Value| serde_json::from_value::<Fault>(fault).unwrap().summary();
        let told = [
            (
                json!({"id-token": {"claims": {"aud": "another-client"}}}),
                "id-token: aud = \"another-client\"",
            ),
            (
                json!({"id-token": {"shift": {"exp": "-2h"}, "sign": "none"}}),
                "id-token: exp -2h, signed none",
            ),
            (
                json!({"redirect": {"error": {"code": "access_denied", "keep-code": true}}}),
                "redirect: error access_denied beside the code",
            ),
            (
                json!({"token": {"reply": {"status": 500, "body": "oops"}}}),
                "token: status 500, another body of 4 bytes",
            ),
            (
                json!({"transport": {"at": "token", "do": "hang"}}),
                "transport: hang at token",
            ),
        ];
        for (fault, expected) in told {
            assert_eq!(summary(fault), expected);
        }
    }
}
