//! A provider inside a test of yours: start it, point your client at it, look at what happened,
//! then let it lie.

use oauth_gauntlet_provider::{Client, Fault, MockProvider, User};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = MockProvider::builder()
        .client(Client::public("my-app").redirect_uri("http://localhost:3000/callback"))
        .user(User::new("dora").claim("email", "dora@example.test"))
        .start()
        .await?;
    let issuer = provider.issuer();

    // Your client would build this URL from the discovery document at `issuer.url()`.
    let request = format!(
        "{}/authorize?response_type=code&client_id=my-app&scope=email&state=xyz",
        issuer.url()
    );
    let callback = issuer.login(&request, "dora")?;
    assert!(callback.contains("state=xyz"));

    // Every exchange is in the journal, with what the provider made of it.
    let exchange = &issuer.journal().exchanges()[0];
    assert_eq!(exchange.notes.user.as_deref(), Some("dora"));
    assert!(exchange.notes.violations.is_empty());

    // Whatever a provider can do wrong is one value.
    let fault: Fault = serde_json::from_str(r#"{"redirect": {"set": {"state": "forged"}}}"#)?;
    let armed = issuer.arm(fault)?;
    let callback = issuer.login(&request, "dora")?;
    assert!(callback.contains("state=forged"));
    assert_eq!(armed.fired(), 1);
    Ok(())
}
