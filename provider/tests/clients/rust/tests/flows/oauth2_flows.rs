//! `oauth2`, which knows OAuth and leaves OpenID Connect to others.

use anyhow::{Context as _, Result, ensure};
use oauth_gauntlet_independent_clients::{
    API, REDIRECT_URI, SPA, WEB, http, send, sign_in, strict_https_provider, strict_provider,
    take_code, trusting,
};
use oauth_gauntlet_provider::MockProvider;
use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenResponse, BasicTokenType};
use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    DeviceAuthorizationUrl, EndpointNotSet, EndpointSet, IntrospectionUrl, PkceCodeChallenge,
    RedirectUrl, RefreshToken, RequestTokenError, ResourceOwnerPassword, ResourceOwnerUsername,
    RevocationUrl, Scope, StandardDeviceAuthorizationResponse, StandardErrorResponse,
    StandardRevocableToken, TokenIntrospectionResponse as _, TokenResponse as _, TokenUrl,
};

use crate::{Flow, flow, not_supported};

pub(crate) type Client =
    BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

pub(crate) fn flows() -> Vec<Flow> {
    vec![
        flow("code-basic", code_basic),
        flow("code-post", code_post),
        flow("code-public", code_public),
        not_supported("userinfo", "OAuth only"),
        flow("refresh", refresh),
        not_supported("login-required", "OAuth only"),
        flow("invalid-client", invalid_client),
        flow("invalid-grant", invalid_grant),
        not_supported("logout", "OAuth only"),
        flow("client-credentials", client_credentials),
        flow("introspection", introspection),
        flow("revocation", revocation),
        flow("resource", resource),
        not_supported("par", "no call for it"),
        not_supported("claims", "OAuth only"),
        not_supported("id-token-algorithms", "OAuth only"),
        not_supported("jwt-access-token", "no call for it"),
        flow("password", password),
        flow("device", device),
        not_supported("token-exchange", "no call for it"),
        not_supported("registration", "no call for it"),
        not_supported("jarm", "no call for it"),
        not_supported("hybrid", "OAuth only"),
        flow("implicit", implicit),
        flow("form-post", form_post),
    ]
}

pub(crate) fn client(provider: &MockProvider, id: &str) -> Result<Client> {
    let url = provider.issuer().url();
    Ok(BasicClient::new(ClientId::new(id.to_owned()))
        .set_auth_uri(AuthUrl::new(format!("{url}/authorize"))?)
        .set_token_uri(TokenUrl::new(format!("{url}/token"))?)
        .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned())?))
}

fn confidential(provider: &MockProvider, secret: &str) -> Result<Client> {
    Ok(client(provider, WEB.0)?.set_client_secret(ClientSecret::new(secret.to_owned())))
}

pub(crate) async fn authorize(
    provider: &MockProvider,
    client: &Client,
    scopes: &[&str],
) -> Result<BasicTokenResponse> {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let code = take_code(provider, &url, &state)?;
    let tokens = client
        .exchange_code(code)
        .set_pkce_verifier(verifier)
        .request_async(&http()?)
        .await?;
    ensure!(*tokens.token_type() == BasicTokenType::Bearer);
    ensure!(
        tokens
            .expires_in()
            .is_some_and(|span| span.as_secs() == 3600)
    );
    let granted: Vec<&str> = tokens
        .scopes()
        .into_iter()
        .flatten()
        .map(|it| it.as_str())
        .collect();
    ensure!(granted == scopes, "granted are {granted:?}");
    Ok(tokens)
}

async fn code_basic() -> Result<()> {
    let provider = strict_provider().start().await?;
    authorize(&provider, &confidential(&provider, WEB.1)?, &["profile"]).await?;
    Ok(())
}

async fn code_post() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = confidential(&provider, WEB.1)?.set_auth_type(AuthType::RequestBody);
    authorize(&provider, &client, &["profile"]).await?;
    Ok(())
}

async fn code_public() -> Result<()> {
    let provider = strict_provider().start().await?;
    authorize(&provider, &client(&provider, SPA)?, &["profile"]).await?;
    Ok(())
}

async fn refresh() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = confidential(&provider, WEB.1)?;
    let first = authorize(&provider, &client, &["profile", "offline_access"]).await?;
    let first_token = first.refresh_token().context("there is no refresh token")?;
    let second = client
        .exchange_refresh_token(first_token)
        .add_scope(Scope::new("profile".to_owned()))
        .request_async(&http()?)
        .await?;
    let second_token = (second.refresh_token()).context("there is no second refresh token")?;
    ensure!(first_token.secret() != second_token.secret());
    let replayed = client
        .exchange_refresh_token(first_token)
        .request_async(&http()?)
        .await;
    expect_error(replayed, &BasicErrorResponseType::InvalidGrant)?;
    // The replay has ended the whole family (RFC 9700 §4.14.2).
    let orphan = client
        .exchange_refresh_token(second_token)
        .request_async(&http()?)
        .await;
    expect_error(orphan, &BasicErrorResponseType::InvalidGrant)
}

async fn invalid_client() -> Result<()> {
    let provider = strict_provider().start().await?;
    let refused = confidential(&provider, "wrong")?
        .exchange_code(AuthorizationCode::new("any".to_owned()))
        .request_async(&http()?)
        .await;
    expect_error(refused, &BasicErrorResponseType::InvalidClient)
}

async fn invalid_grant() -> Result<()> {
    let provider = strict_provider().start().await?;
    let refused = confidential(&provider, WEB.1)?
        .exchange_code(AuthorizationCode::new("unknown".to_owned()))
        .request_async(&http()?)
        .await;
    expect_error(refused, &BasicErrorResponseType::InvalidGrant)
}

async fn client_credentials() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = confidential(&provider, WEB.1)?;
    let tokens = client
        .exchange_client_credentials()
        .add_scope(Scope::new("profile".to_owned()))
        .request_async(&http()?)
        .await?;
    ensure!(tokens.refresh_token().is_none());
    let refused = client
        .exchange_client_credentials()
        .add_scope(Scope::new("unheard-of".to_owned()))
        .request_async(&http()?)
        .await;
    expect_error(refused, &BasicErrorResponseType::InvalidScope)
}

async fn introspection() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = confidential(&provider, WEB.1)?;
    let tokens = authorize(&provider, &client, &["profile"]).await?;
    let url = IntrospectionUrl::new(format!("{}/introspect", provider.issuer().url()))?;
    let client = client.set_introspection_url(url);
    let known = client
        .introspect(tokens.access_token())
        .set_token_type_hint("access_token")
        .request_async(&http()?)
        .await?;
    ensure!(known.active() && known.sub() == Some("alice"));
    ensure!(
        known
            .scopes()
            .is_some_and(|it| *it == [Scope::new("profile".to_owned())])
    );
    let unknown = client
        .introspect(&AccessToken::new("unknown".to_owned()))
        .request_async(&http()?)
        .await?;
    ensure!(!unknown.active() && unknown.sub().is_none());
    Ok(())
}

async fn revocation() -> Result<()> {
    let provider = strict_https_provider().start().await?;
    let trusting = trusting(&provider)?;
    let http = |request| send(trusting.clone(), request);
    let revocation_url = RevocationUrl::new(format!("{}/revoke", provider.issuer().url()))?;
    let client = confidential(&provider, WEB.1)?.set_revocation_url(revocation_url);
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new("offline_access".to_owned()))
        .url();
    let code = take_code(&provider, &url, &state)?;
    let tokens = client.exchange_code(code).request_async(&http).await?;
    let refresh_token = tokens
        .refresh_token()
        .context("there is no refresh token")?;
    for token in [
        refresh_token.clone(),
        RefreshToken::new("unknown".to_owned()),
    ] {
        // A token that nobody knows is as good as revoked (RFC 7009 §2.2).
        let token = StandardRevocableToken::RefreshToken(token);
        client.revoke_token(token)?.request_async(&http).await?;
    }
    let refused = client
        .exchange_refresh_token(refresh_token)
        .request_async(&http)
        .await;
    expect_error(refused, &BasicErrorResponseType::InvalidGrant)
}

async fn resource() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = confidential(&provider, WEB.1)?;
    let tokens = client
        .exchange_client_credentials()
        .add_extra_param("resource", API)
        .request_async(&http()?)
        .await?;
    let url = IntrospectionUrl::new(format!("{}/introspect", provider.issuer().url()))?;
    let known = client
        .set_introspection_url(url)
        .introspect(tokens.access_token())
        .request_async(&http()?)
        .await?;
    ensure!(
        known.aud().is_some_and(|aud| *aud == [API]),
        "{:?}",
        known.aud()
    );
    Ok(())
}

async fn implicit() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = client(&provider, SPA)?;
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .use_implicit_flow()
        .add_scope(Scope::new("profile".to_owned()))
        .url();
    let callback = sign_in(&provider, &url)?;
    ensure!(callback.parameter("state").as_ref() == Some(state.secret()));
    ensure!(callback.parameter("access_token").is_some());
    ensure!(
        callback
            .parameter("token_type")
            .is_some_and(|it| it.eq_ignore_ascii_case("bearer"))
    );
    ensure!(callback.parameter("expires_in").as_deref() == Some("3600"));
    Ok(())
}

async fn form_post() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = confidential(&provider, WEB.1)?;
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_extra_param("response_mode", "form_post")
        .url();
    let code = take_code(&provider, &url, &state)?;
    client.exchange_code(code).request_async(&http()?).await?;
    Ok(())
}

async fn password() -> Result<()> {
    let provider = strict_provider().start().await?;
    let alice = ResourceOwnerUsername::new("alice".to_owned());
    let password = ResourceOwnerPassword::new("any".to_owned());
    let tokens = confidential(&provider, WEB.1)?
        .exchange_password(&alice, &password)
        .add_scope(Scope::new("profile".to_owned()))
        .request_async(&http()?)
        .await?;
    ensure!(
        tokens
            .scopes()
            .is_some_and(|it| *it == [Scope::new("profile".to_owned())])
    );
    Ok(())
}

async fn device() -> Result<()> {
    let provider = strict_provider().start().await?;
    let url = format!("{}/device/authorize", provider.issuer().url());
    let client =
        client(&provider, SPA)?.set_device_authorization_url(DeviceAuthorizationUrl::new(url)?);
    let details: StandardDeviceAuthorizationResponse = client
        .exchange_device_code()
        .add_scope(Scope::new("profile".to_owned()))
        .request_async(&http()?)
        .await?;
    ensure!(details.verification_uri_complete().is_some());
    // The user of `device.auto` agrees once the client has asked for a while.
    let tokens = client
        .exchange_device_access_token(&details)
        .request_async(&http()?, tokio::time::sleep, None)
        .await?;
    ensure!(
        tokens
            .scopes()
            .is_some_and(|it| *it == [Scope::new("profile".to_owned())])
    );
    Ok(())
}

pub(crate) fn expect_error<T, E: std::error::Error>(
    outcome: Result<T, RequestTokenError<E, StandardErrorResponse<BasicErrorResponseType>>>,
    code: &BasicErrorResponseType,
) -> Result<()> {
    match outcome {
        Err(RequestTokenError::ServerResponse(error)) => {
            ensure!(error.error() == code, "{error} is not {code}");
            ensure!(error.error_description().is_some(), "it does not say why");
            Ok(())
        }
        Err(other) => Err(anyhow::anyhow!("{other:?} is not {code}")),
        Ok(_) => anyhow::bail!("it is not refused with {code}"),
    }
}
