//! `oauth2` where clients have keys, and where a profile demands more.

use anyhow::{Result, ensure};
use oauth_gauntlet_independent_clients::{
    CERTIFIED, SPA, certified, http, send, strict_https_provider, strict_provider, trusting,
};
use oauth_gauntlet_provider::Profile;
use oauth2::basic::BasicErrorResponseType;
use oauth2::{AuthType, CsrfToken, TokenResponse as _};

use crate::oauth2_flows::{authorize, client, expect_error};
use crate::{Flow, flow, not_supported};

pub(crate) fn flows() -> Vec<Flow> {
    vec![
        not_supported("private-key-jwt", "no call for it"),
        not_supported("client-secret-jwt", "no call for it"),
        flow("mutual-tls", mutual_tls),
        not_supported("jwt-bearer", "no call for it"),
        not_supported("signed-request", "no call for it"),
        not_supported("dpop", "no call for it"),
        not_supported("signed-userinfo", "OAuth only"),
        not_supported("encryption", "OAuth only"),
        not_supported("back-channel-logout", "OAuth only"),
        flow("oauth21", oauth21),
        not_supported("fapi2", "no call for pushed requests"),
    ]
}

async fn mutual_tls() -> Result<()> {
    let provider = strict_https_provider().start().await?;
    let client = client(&provider, CERTIFIED)?.set_auth_type(AuthType::RequestBody);
    let certified = certified(&provider)?;
    let tokens = client
        .exchange_client_credentials()
        .request_async(&|request| send(certified.clone(), request))
        .await?;
    ensure!(!tokens.access_token().secret().is_empty());
    let trusting = trusting(&provider)?;
    let refused = client
        .exchange_client_credentials()
        .request_async(&|request| send(trusting.clone(), request))
        .await;
    expect_error(refused, &BasicErrorResponseType::InvalidClient)
}

async fn oauth21() -> Result<()> {
    let provider = strict_provider().profile(Profile::Oauth21).start().await?;
    let client = client(&provider, SPA)?;
    authorize(&provider, &client, &["profile"]).await?;
    let (url, _) = client.authorize_url(CsrfToken::new_random).url();
    let response = http()?.get(url).send().await?;
    let location = response.headers().get("location");
    let location = location.map(|it| it.to_str()).transpose()?;
    ensure!(
        location.is_some_and(|it| it.contains("error=invalid_request")),
        "without a code challenge: {location:?}"
    );
    Ok(())
}
