//! What stands for the browser in a program that was built without: nothing that exists.

use std::time::Duration;

use super::{ChromiumError, Manners, Options, Said, Stored};
use crate::user_agent::{Arrival, Halts, Jar, Request, Seen};

/// A browser.
#[derive(Debug, Clone)]
pub enum Chromium {}

/// A window of it.
#[derive(Debug, Clone)]
pub enum Window {}

#[expect(clippy::unused_async, reason = "as the real ones")]
impl Chromium {
    /// Starts it.
    ///
    /// # Errors
    /// Always.
    pub async fn start(_: &Options) -> Result<Self, ChromiumError> {
        Err(ChromiumError::NotBuiltIn)
    }

    /// Opens a window.
    pub async fn window(&self) -> Result<Window, String> {
        match *self {}
    }
}

#[expect(clippy::unused_async, reason = "as the real ones")]
impl Window {
    /// Opens a page.
    pub async fn open(
        &self,
        _: Manners,
        _: &Request,
        _: &Halts,
        _: Duration,
    ) -> Result<(Vec<Seen>, Arrival), String> {
        match *self {}
    }

    /// Another tab of the same browser.
    pub async fn another_tab(&self) -> Result<Self, String> {
        match *self {}
    }

    /// The cookies that it has.
    pub async fn cookies(&self) -> Result<Jar, String> {
        match *self {}
    }

    /// Puts other cookies in their place.
    pub async fn set_cookies(&self, _: &Jar) -> Result<(), String> {
        match *self {}
    }

    /// What the page keeps in the browser.
    pub async fn stored(&self) -> Vec<Stored> {
        match *self {}
    }

    /// What pages said on the console since the last time.
    pub fn said(&self) -> Vec<Said> {
        match *self {}
    }

    /// What the window shows, as a PNG.
    pub async fn screenshot(&self) -> Option<Vec<u8>> {
        match *self {}
    }
}
