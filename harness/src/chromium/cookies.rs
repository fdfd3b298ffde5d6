//! Cookies between the browser and a jar.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cookie::SameSite;
use serde_json::{Value, json};

use super::events::text;
use crate::user_agent::{Jar, StoredCookie};

/// A jar with the cookies that the browser told.
pub(super) fn jar(cookies: &Value) -> Jar {
    let cookies = cookies.as_array().into_iter().flatten();
    cookies.filter_map(cookie).collect()
}

fn cookie(told: &Value) -> Option<StoredCookie> {
    let text_of = |name: &str| told[name].as_str().map(str::to_owned);
    Some(StoredCookie {
        host: text_of("domain")?,
        path: text_of("path")?,
        name: text_of("name")?,
        value: text(&told["value"])?,
        http_only: told["httpOnly"] == true,
        secure: told["secure"] == true,
        same_site: match told["sameSite"].as_str() {
            Some("strict") => SameSite::Strict,
            Some("none") => SameSite::None,
            _ => SameSite::Lax,
        },
        expires: told["expiry"]
            .as_u64()
            .map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
    })
}

/// A cookie as the browser is told.
pub(super) fn told(cookie: &StoredCookie) -> Value {
    let mut told = json!({
        "name": cookie.name,
        "value": { "type": "string", "value": cookie.value },
        "domain": cookie.host,
        "path": cookie.path,
        "httpOnly": cookie.http_only,
        "secure": cookie.secure,
        "sameSite": match cookie.same_site {
            SameSite::Strict => "strict",
            SameSite::Lax => "lax",
            SameSite::None => "none",
        },
    });
    let since = |moment: SystemTime| moment.duration_since(UNIX_EPOCH).ok();
    if let Some(expires) = cookie.expires.and_then(since) {
        told["expiry"] = json!(expires.as_secs());
    }
    told
}
