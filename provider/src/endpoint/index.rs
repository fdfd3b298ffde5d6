//! `/`: what this is, for people who come across it.

use super::{Call, Reply};
use crate::page;

pub(super) fn serve(call: &Call<'_>) -> Reply {
    Reply::page(200, page::index(call.at()))
}
