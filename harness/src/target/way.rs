//! How a browser is brought to do something at the client: by a path, a form, or a click.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::user_agent::Clickable;

/// How a login is started, or a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A page is opened.
    Open(String),
    /// A form is sent.
    Send {
        /// Where it goes.
        path: String,
        /// The name of the token against cross-site requests. Without it, all fields of the form
        /// are sent along.
        csrf: Option<String>,
        /// The page with the form, or with the token.
        from: Option<String>,
    },
    /// A link or a button is clicked.
    Click {
        /// The page that it is on; without one, the protected page.
        open: Option<String>,
        /// What to click.
        on: Clickable,
    },
}

/// The table form of [`Way`].
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[schemars(rename = "Way")]
struct WayTable {
    /// The page's path.
    path: Option<String>,
    /// The method. Default: `GET`.
    method: Method,
    /// For `POST`: the name of the token against cross-site requests. It is looked for in a field,
    /// a meta tag, or a member of a JSON page. Default: all fields of the form are sent along.
    csrf: Option<String>,
    /// For `POST`: the page with the form or the token. Default: the page at `path`, then the
    /// protected page.
    from: Option<String>,
    /// For `click`: the page to open first. Default: the protected page.
    open: Option<String>,
    /// What to click: `text=Sign in`, or a CSS selector.
    click: Option<String>,
}

/// The method of a form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "WayMethod")]
enum Method {
    /// A link.
    #[default]
    Get,
    /// A form.
    Post,
}

impl Way {
    /// A form that is sent with its hidden fields.
    pub fn form(path: impl Into<String>) -> Self {
        Self::Send {
            path: path.into(),
            csrf: None,
            from: None,
        }
    }

    /// The path that stands for it: of the page, of the form, or of where the click is.
    pub fn path(&self) -> &str {
        match self {
            Self::Open(path) | Self::Send { path, .. } => path,
            Self::Click { open, .. } => open.as_deref().unwrap_or_default(),
        }
    }

    /// All paths in it, by their keys.
    pub fn paths(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let (path, from, open) = match self {
            Self::Open(path) => (Some(path), None, None),
            Self::Send { path, from, .. } => (Some(path), from.as_ref(), None),
            Self::Click { open, .. } => (None, None, open.as_ref()),
        };
        [("path", path), ("from", from), ("open", open)]
            .into_iter()
            .filter_map(|(key, path)| Some((key, path?.as_str())))
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(path) => f.write_str(path),
            Self::Send { path, .. } => write!(f, "{path} (POST)"),
            Self::Click { open, on } => {
                let page = open.as_deref().unwrap_or("the protected page");
                match on {
                    Clickable::Text(text) => write!(f, "a click on “{text}” on {page}"),
                    Clickable::Css(css) => write!(f, "a click on `{css}` on {page}"),
                }
            }
        }
    }
}

impl From<&str> for Way {
    fn from(path: &str) -> Self {
        Self::Open(path.to_owned())
    }
}

impl TryFrom<WayTable> for Way {
    type Error = &'static str;

    fn try_from(table: WayTable) -> Result<Self, Self::Error> {
        let WayTable {
            path,
            method,
            csrf,
            from,
            open,
            click,
        } = table;
        match (path, click) {
            (Some(_), Some(_)) => Err("either `path` or `click`, not both"),
            (None, None) => Err("a `path`, or something to `click`"),
            (None, Some(_)) if method == Method::Post || csrf.is_some() || from.is_some() => {
                Err("`method`, `csrf` and `from` go with a `path`; a click does what the page says")
            }
            (None, Some(click)) => Ok(Self::Click {
                open,
                on: match click.strip_prefix("text=") {
                    Some(text) => Clickable::Text(text.trim().to_owned()),
                    None => Clickable::Css(click),
                },
            }),
            (Some(_), None) if open.is_some() => Err("`open` goes with a `click`"),
            (Some(path), None) if method == Method::Post => Ok(Self::Send { path, csrf, from }),
            (Some(_), None) if csrf.is_some() || from.is_some() => {
                Err("`csrf` and `from` are for a form: add `method = \"POST\"`")
            }
            (Some(path), None) => Ok(Self::Open(path)),
        }
    }
}

impl<'de> Deserialize<'de> for Way {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathOrTable;
        impl<'de> Visitor<'de> for PathOrTable {
            type Value = Way;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a table with `path` or `click`")
            }

            fn visit_str<E: de::Error>(self, path: &str) -> Result<Way, E> {
                Ok(path.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Way, A::Error> {
                let table = WayTable::deserialize(MapAccessDeserializer::new(map))?;
                Way::try_from(table).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(PathOrTable)
    }
}

impl JsonSchema for Way {
    fn schema_name() -> Cow<'static, str> {
        "PathOrWay".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<WayTable>();
        json_schema!({
            "description": "A path, a form, or a click.",
            "anyOf": [{ "type": "string" }, table],
        })
    }
}
