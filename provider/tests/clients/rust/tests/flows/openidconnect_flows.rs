//! `openidconnect`.

use anyhow::{Context as _, Result, ensure};
use oauth_gauntlet_independent_clients::{REDIRECT_URI, SIGNED_OUT_URI, SPA, WEB, sign_in};
use oauth_gauntlet_provider::MockProvider;
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreIdTokenClaims,
    CoreProviderMetadata, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl,
    RequestTokenError, Scope, TokenResponse as _, UserInfoError, reqwest,
};

use crate::{Flow, flow};

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

pub(crate) fn flows() -> Vec<Flow> {
    vec![
        flow("code-basic", code_basic),
        flow("code-post", code_post),
        flow("code-public", code_public),
        flow("userinfo", userinfo),
        flow("refresh", refresh),
        flow("login-required", login_required),
        flow("invalid-client", invalid_client),
        flow("invalid-grant", invalid_grant),
        flow("logout", logout),
        flow("client-credentials", client_credentials),
    ]
}

fn http() -> Result<reqwest::Client> {
    // Following redirects opens the client up to SSRF vulnerabilities.
    let policy = reqwest::redirect::Policy::none();
    Ok(reqwest::ClientBuilder::new()
        .redirect(policy)
        .no_proxy()
        .build()?)
}

async fn discovered(provider: &MockProvider, id: &str, secret: Option<&str>) -> Result<Client> {
    let issuer = IssuerUrl::new(provider.issuer().url().to_owned())?;
    let metadata = CoreProviderMetadata::discover_async(issuer, &http()?).await?;
    let secret = secret.map(|secret| ClientSecret::new(secret.to_owned()));
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(id.to_owned()), secret);
    Ok(client.set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned())?))
}

/// A login, from the authorization URL to the verified ID token.
async fn log_in(
    provider: &MockProvider,
    client: &Client,
    scopes: &[&str],
) -> Result<(CoreTokenResponse, CoreIdTokenClaims)> {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let code = sign_in(provider, &url)?.code(state.secret())?;
    let tokens = client
        .exchange_code(AuthorizationCode::new(code))?
        .set_pkce_verifier(verifier)
        .request_async(&http()?)
        .await?;
    let id_token = tokens.id_token().context("there is no ID token")?;
    let id_token_verifier = client.id_token_verifier();
    let claims = id_token.claims(&id_token_verifier, &nonce)?.clone();
    let expected = claims.access_token_hash().context("there is no at_hash")?;
    let actual = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg()?,
        id_token.signing_key(&id_token_verifier)?,
    )?;
    ensure!(actual == *expected, "at_hash does not fit");
    ensure!(claims.subject().as_str() == "alice");
    Ok((tokens, claims))
}

async fn code_basic(provider: MockProvider) -> Result<()> {
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (_, claims) = log_in(&provider, &client, &["profile", "email"]).await?;
    ensure!(
        claims
            .email()
            .is_some_and(|email| email.as_str() == "alice@example.test")
    );
    ensure!(claims.email_verified() == Some(true));
    let name = claims.name().and_then(|name| name.get(None));
    ensure!(name.is_some_and(|name| name.as_str() == "Alice Adams"));
    Ok(())
}

async fn code_post(provider: MockProvider) -> Result<()> {
    let client = (discovered(&provider, WEB.0, Some(WEB.1)).await?)
        .set_auth_type(openidconnect::AuthType::RequestBody);
    log_in(&provider, &client, &[]).await?;
    Ok(())
}

async fn code_public(provider: MockProvider) -> Result<()> {
    let client = discovered(&provider, SPA, None).await?;
    log_in(&provider, &client, &[]).await?;
    Ok(())
}

async fn userinfo(provider: MockProvider) -> Result<()> {
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (tokens, claims) = log_in(&provider, &client, &["profile", "address", "phone"]).await?;
    let subject = claims.subject().clone();
    let userinfo: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(subject))?
        .request_async(&http()?)
        .await?;
    let address = userinfo.address().context("there is no address")?;
    let locality = address.locality.as_ref();
    ensure!(locality.is_some_and(|it| it.as_str() == "Springfield"));
    ensure!(
        userinfo
            .phone_number()
            .is_some_and(|it| it.as_str() == "+1 555 0100")
    );
    let refused: Result<CoreUserInfoClaims, _> = client
        .user_info(openidconnect::AccessToken::new("wrong".to_owned()), None)?
        .request_async(&http()?)
        .await;
    let status = match refused {
        Err(UserInfoError::Response(status, ..)) => status.as_u16(),
        other => anyhow::bail!("a wrong access token gives {other:?}"),
    };
    ensure!(status == 401, "a wrong access token gives {status}");
    Ok(())
}

async fn refresh(provider: MockProvider) -> Result<()> {
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (first, claims) = log_in(&provider, &client, &["offline_access"]).await?;
    let first_token = first.refresh_token().context("there is no refresh token")?;
    let second = client
        .exchange_refresh_token(first_token)?
        .request_async(&http()?)
        .await?;
    let second_token = (second.refresh_token()).context("there is no second refresh token")?;
    ensure!(first_token.secret() != second_token.secret());
    ensure!(first.access_token().secret() != second.access_token().secret());
    // An ID token on refresh has no nonce to compare (OIDC Core §12.2).
    let id_token = second.id_token().context("there is no ID token")?;
    let no_nonce = |_: Option<&Nonce>| Ok(());
    let refreshed = id_token.claims(&client.id_token_verifier(), no_nonce)?;
    ensure!(refreshed.subject() == claims.subject());
    let replayed = client
        .exchange_refresh_token(first_token)?
        .request_async(&http()?)
        .await;
    expect_error(replayed, &CoreErrorResponseType::InvalidGrant)?;
    // The replay has ended the whole family (RFC 9700 §4.14.2).
    let orphan = client
        .exchange_refresh_token(second_token)?
        .request_async(&http()?)
        .await;
    expect_error(orphan, &CoreErrorResponseType::InvalidGrant)
}

async fn login_required(provider: MockProvider) -> Result<()> {
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (url, state, _) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_prompt(CoreAuthPrompt::None)
        .url();
    let response = http()?.get(url).send().await?;
    let location = response.headers().get("location");
    let location = location.context("the browser is not sent back")?.to_str()?;
    let callback = url::Url::parse(location)?;
    let find = |name: &str| {
        let mut pairs = callback.query_pairs();
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    };
    ensure!(find("state").as_deref() == Some(state.secret().as_str()));
    ensure!(find("error").as_deref() == Some("login_required"));
    ensure!(find("iss").as_deref() == Some(provider.issuer().url()));
    Ok(())
}

async fn invalid_client(provider: MockProvider) -> Result<()> {
    let client = discovered(&provider, WEB.0, Some("wrong")).await?;
    let refused = client
        .exchange_code(AuthorizationCode::new("any".to_owned()))?
        .request_async(&http()?)
        .await;
    expect_error(refused, &CoreErrorResponseType::InvalidClient)
}

async fn invalid_grant(provider: MockProvider) -> Result<()> {
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let refused = client
        .exchange_code(AuthorizationCode::new("unknown".to_owned()))?
        .request_async(&http()?)
        .await;
    expect_error(refused, &CoreErrorResponseType::InvalidGrant)
}

async fn logout(provider: MockProvider) -> Result<()> {
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (tokens, _) = log_in(&provider, &client, &[]).await?;
    let issuer = IssuerUrl::new(provider.issuer().url().to_owned())?;
    let metadata = ProviderMetadataWithLogout::discover_async(issuer, &http()?).await?;
    let endpoint = metadata.additional_metadata().end_session_endpoint.clone();
    let state = CsrfToken::new_random();
    let url = LogoutRequest::from(endpoint.context("there is no end_session_endpoint")?)
        .set_id_token_hint(tokens.id_token().context("there is no ID token")?)
        .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(SIGNED_OUT_URI.to_owned())?)
        .set_state(state.clone())
        .http_get_url();
    let response = http()?.get(url).send().await?;
    let location = response.headers().get("location");
    let expected = format!("{SIGNED_OUT_URI}?state={}", state.secret());
    ensure!(
        location.is_some_and(|it| *it == *expected),
        "{location:?} is not {expected}"
    );
    Ok(())
}

async fn client_credentials(provider: MockProvider) -> Result<()> {
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let tokens = client
        .exchange_client_credentials()?
        .add_scope(Scope::new("profile".to_owned()))
        .request_async(&http()?)
        .await?;
    ensure!(tokens.id_token().is_none() && tokens.refresh_token().is_none());
    let refused = client
        .exchange_client_credentials()?
        .add_scope(Scope::new("unheard-of".to_owned()))
        .request_async(&http()?)
        .await;
    expect_error(refused, &CoreErrorResponseType::InvalidScope)
}

fn expect_error<T, E: std::error::Error>(
    outcome: Result<
        T,
        RequestTokenError<E, openidconnect::StandardErrorResponse<CoreErrorResponseType>>,
    >,
    code: &CoreErrorResponseType,
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
