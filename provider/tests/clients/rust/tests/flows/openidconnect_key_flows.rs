//! `openidconnect` where clients have keys, and where a profile demands more.

use anyhow::{Result, ensure};
use oauth_gauntlet_independent_clients::{
    CERTIFIED, REDIRECT_URI, SPA, certified, http, send, strict_https_provider, strict_provider,
    trusting,
};
use oauth_gauntlet_provider::{Client, Profile, SigningAlgorithm};
use openidconnect::core::{CoreErrorResponseType, CoreUserInfoClaims};
use openidconnect::{AuthType, IssuerUrl, OAuth2TokenResponse as _, UserInfoResponseType};

use crate::openidconnect_flows::{
    Metadata, code_request, configured, discovered, expect_error, log_in,
};
use crate::{Flow, flow, not_supported};

pub(crate) fn flows() -> Vec<Flow> {
    vec![
        not_supported("private-key-jwt", "no call for it"),
        not_supported("client-secret-jwt", "no call for it"),
        flow("mutual-tls", mutual_tls),
        not_supported("jwt-bearer", "no call for it"),
        not_supported("signed-request", "no call for it"),
        not_supported("dpop", "no call for it"),
        flow("signed-userinfo", signed_userinfo),
        not_supported("encryption", "decrypts nothing"),
        not_supported("back-channel-logout", "no call for it"),
        flow("oauth21", oauth21),
        not_supported("fapi2", "no call for pushed requests"),
    ]
}

async fn mutual_tls() -> Result<()> {
    let provider = strict_https_provider().start().await?;
    let certified = certified(&provider)?;
    let with_certificate = |request| send(certified.clone(), request);
    let issuer = IssuerUrl::new(provider.issuer().url().to_owned())?;
    let metadata = Metadata::discover_async(issuer, &with_certificate).await?;
    let client = configured(metadata, CERTIFIED, None)?.set_auth_type(AuthType::RequestBody);
    let tokens = client
        .exchange_client_credentials()?
        .request_async(&with_certificate)
        .await?;
    ensure!(!tokens.access_token().secret().is_empty());
    let trusting = trusting(&provider)?;
    let refused = client
        .exchange_client_credentials()?
        .request_async(&|request| send(trusting.clone(), request))
        .await;
    expect_error(refused, &CoreErrorResponseType::InvalidClient)
}

async fn signed_userinfo() -> Result<()> {
    // The library takes no other algorithm here.
    let own = Client {
        userinfo_algorithm: Some(SigningAlgorithm::Rs256),
        ..Client::public("own").redirect_uri(REDIRECT_URI)
    };
    let provider = strict_provider().client(own).start().await?;
    let client = discovered(&provider, "own", None).await?;
    let (tokens, claims) = log_in(&provider, &client, &["email"]).await?;
    let subject = claims.subject().clone();
    let told: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(subject))?
        .require_signed_response(true)
        .set_response_type(UserInfoResponseType::Jwt)
        .request_async(&http()?)
        .await?;
    ensure!(
        told.email()
            .is_some_and(|it| it.as_str() == "alice@example.com")
    );
    Ok(())
}

async fn oauth21() -> Result<()> {
    let provider = strict_provider().profile(Profile::Oauth21).start().await?;
    let client = discovered(&provider, SPA, None).await?;
    log_in(&provider, &client, &[]).await?;
    let (url, ..) = code_request(&client).url();
    let response = http()?.get(url).send().await?;
    let location = response.headers().get("location");
    let location = location.map(|it| it.to_str()).transpose()?;
    ensure!(
        location.is_some_and(|it| it.contains("error=invalid_request")),
        "without a code challenge: {location:?}"
    );
    Ok(())
}
