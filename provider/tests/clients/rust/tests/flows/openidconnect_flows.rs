//! `openidconnect`.

use std::str::FromStr as _;

use anyhow::{Context as _, Result, ensure};
use oauth_gauntlet_independent_clients::{
    API, REDIRECT_URI, SIGNED_OUT_URI, SPA, WEB, http, send, sign_in, strict_https_provider,
    strict_provider, take_code, trusting,
};
use oauth_gauntlet_provider::{MockProvider, SigningAlgorithm};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType,
    CoreClient, CoreClientAuthMethod, CoreClientRegistrationRequest,
    CoreDeviceAuthorizationResponse, CoreErrorResponseType, CoreGrantType, CoreIdToken,
    CoreIdTokenClaims, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreRegisterErrorResponseType, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::registration::{ClientRegistrationError, EmptyAdditionalClientMetadata};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthenticationContextClass,
    AuthorizationCode, AuthorizationCodeHash, AuthorizationRequest, ClientId, ClientSecret,
    CsrfToken, DeviceAuthorizationUrl, EndSessionUrl, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IntrospectionUrl, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PostLogoutRedirectUrl, ProviderMetadata, RedirectUrl, RefreshToken,
    RequestTokenError, ResourceOwnerPassword, ResourceOwnerUsername, RevocationUrl, Scope,
    TokenIntrospectionResponse as _, TokenResponse as _, UserInfoError,
};

use serde::{Deserialize, Serialize};

use crate::{Flow, flow, not_supported};

pub(crate) type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointSet,
    EndpointSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What the discovery document has beside what the library knows.
#[expect(clippy::struct_field_names, reason = "the document calls them so")]
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Endpoints {
    introspection_endpoint: IntrospectionUrl,
    revocation_endpoint: RevocationUrl,
    device_authorization_endpoint: DeviceAuthorizationUrl,
    end_session_endpoint: EndSessionUrl,
}

impl AdditionalProviderMetadata for Endpoints {}

pub(crate) type Metadata = ProviderMetadata<
    Endpoints,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
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
        flow("introspection", introspection),
        flow("revocation", revocation),
        flow("resource", resource),
        not_supported("par", "no call for it"),
        flow("claims", claims),
        flow("id-token-algorithms", id_token_algorithms),
        not_supported("jwt-access-token", "no call for it"),
        flow("password", password),
        flow("device", device),
        not_supported("token-exchange", "no call for it"),
        flow("registration", registration),
        not_supported("jarm", "no call for it"),
        flow("hybrid", hybrid),
        flow("implicit", implicit),
        flow("form-post", form_post),
    ]
}

pub(crate) async fn discovered(
    provider: &MockProvider,
    id: &str,
    secret: Option<&str>,
) -> Result<Client> {
    let issuer = IssuerUrl::new(provider.issuer().url().to_owned())?;
    let metadata = Metadata::discover_async(issuer, &http()?).await?;
    configured(metadata, id, secret)
}

pub(crate) fn configured(metadata: Metadata, id: &str, secret: Option<&str>) -> Result<Client> {
    let endpoints = metadata.additional_metadata().clone();
    let secret = secret.map(|secret| ClientSecret::new(secret.to_owned()));
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(id.to_owned()), secret);
    Ok(client
        .set_introspection_url(endpoints.introspection_endpoint)
        .set_revocation_url(endpoints.revocation_endpoint)
        .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned())?))
}

/// A request for a code, with a state and a nonce of its own.
pub(crate) fn code_request(
    client: &Client,
) -> AuthorizationRequest<'_, CoreAuthDisplay, CoreAuthPrompt, CoreResponseType> {
    client.authorize_url(
        CoreAuthenticationFlow::AuthorizationCode,
        CsrfToken::new_random,
        Nonce::new_random,
    )
}

/// A login, from the authorization URL to the verified ID token.
pub(crate) async fn log_in(
    provider: &MockProvider,
    client: &Client,
    scopes: &[&str],
) -> Result<(CoreTokenResponse, CoreIdTokenClaims)> {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = code_request(client)
        .add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let code = take_code(provider, &url, &state)?;
    let tokens = client
        .exchange_code(code)?
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

async fn code_basic() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (_, claims) = log_in(&provider, &client, &["profile", "email"]).await?;
    ensure!(
        claims
            .email()
            .is_some_and(|email| email.as_str() == "alice@example.com")
    );
    ensure!(claims.email_verified() == Some(true));
    let name = claims.name().and_then(|name| name.get(None));
    ensure!(name.is_some_and(|name| name.as_str() == "Alice Adams"));
    Ok(())
}

async fn code_post() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = (discovered(&provider, WEB.0, Some(WEB.1)).await?)
        .set_auth_type(openidconnect::AuthType::RequestBody);
    log_in(&provider, &client, &[]).await?;
    Ok(())
}

async fn code_public() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, SPA, None).await?;
    log_in(&provider, &client, &[]).await?;
    Ok(())
}

async fn userinfo() -> Result<()> {
    let provider = strict_provider().start().await?;
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

async fn refresh() -> Result<()> {
    let provider = strict_provider().start().await?;
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

async fn login_required() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (url, state, _) = code_request(&client).add_prompt(CoreAuthPrompt::None).url();
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

async fn invalid_client() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some("wrong")).await?;
    let refused = client
        .exchange_code(AuthorizationCode::new("any".to_owned()))?
        .request_async(&http()?)
        .await;
    expect_error(refused, &CoreErrorResponseType::InvalidClient)
}

async fn invalid_grant() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let refused = client
        .exchange_code(AuthorizationCode::new("unknown".to_owned()))?
        .request_async(&http()?)
        .await;
    expect_error(refused, &CoreErrorResponseType::InvalidGrant)
}

async fn logout() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (tokens, _) = log_in(&provider, &client, &[]).await?;
    let issuer = IssuerUrl::new(provider.issuer().url().to_owned())?;
    let metadata = Metadata::discover_async(issuer, &http()?).await?;
    let endpoint = metadata.additional_metadata().end_session_endpoint.clone();
    let state = CsrfToken::new_random();
    let url = LogoutRequest::from(endpoint)
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

async fn client_credentials() -> Result<()> {
    let provider = strict_provider().start().await?;
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

async fn introspection() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (tokens, _) = log_in(&provider, &client, &["profile"]).await?;
    let known = client
        .introspect(tokens.access_token())
        .request_async(&http()?)
        .await?;
    ensure!(known.active() && known.sub() == Some("alice"));
    ensure!(known.client_id().is_some_and(|id| id.as_str() == WEB.0));
    let lifetime = known.exp().zip(known.iat()).map(|(exp, iat)| exp - iat);
    ensure!(lifetime.is_some_and(|lifetime| lifetime.num_seconds() == 3600));
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
    let issuer = IssuerUrl::new(provider.issuer().url().to_owned())?;
    let metadata = Metadata::discover_async(issuer, &http).await?;
    let client = configured(metadata, WEB.0, Some(WEB.1))?;
    let (url, state, _) = code_request(&client)
        .add_scope(Scope::new("offline_access".to_owned()))
        .url();
    let code = take_code(&provider, &url, &state)?;
    let tokens = client.exchange_code(code)?.request_async(&http).await?;
    let refresh_token = tokens
        .refresh_token()
        .context("there is no refresh token")?;
    for token in [
        refresh_token.clone(),
        RefreshToken::new("unknown".to_owned()),
    ] {
        // A token that nobody knows is as good as revoked (RFC 7009 §2.2).
        client
            .revoke_token(token.into())?
            .request_async(&http)
            .await?;
    }
    let refused = client
        .exchange_refresh_token(refresh_token)?
        .request_async(&http)
        .await;
    expect_error(refused, &CoreErrorResponseType::InvalidGrant)
}

async fn resource() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (url, state, _) = code_request(&client).add_extra_param("resource", API).url();
    let code = take_code(&provider, &url, &state)?;
    let tokens = client
        .exchange_code(code)?
        .add_extra_param("resource", API)
        .request_async(&http()?)
        .await?;
    let known = client
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

async fn claims() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (url, state, nonce) = code_request(&client)
        .add_auth_context_value(AuthenticationContextClass::new("urn:mock:mfa".to_owned()))
        .add_extra_param("claims", r#"{"userinfo": {"email": null}}"#)
        .url();
    let code = take_code(&provider, &url, &state)?;
    let tokens = client.exchange_code(code)?.request_async(&http()?).await?;
    let id_token = tokens.id_token().context("there is no ID token")?;
    let claims = id_token.claims(&client.id_token_verifier(), &nonce)?;
    let acr = claims.auth_context_ref().context("there is no acr")?;
    ensure!(acr.as_str() == "urn:mock:mfa");
    let userinfo: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), None)?
        .request_async(&http()?)
        .await?;
    ensure!(userinfo.email().is_some());
    Ok(())
}

async fn id_token_algorithms() -> Result<()> {
    for algorithm in [
        SigningAlgorithm::Rs512,
        SigningAlgorithm::Ps256,
        SigningAlgorithm::Es256,
        SigningAlgorithm::Es384,
        SigningAlgorithm::EdDsa,
    ] {
        let provider = strict_provider().algorithm(algorithm).start().await?;
        let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
        let (tokens, _) = log_in(&provider, &client, &[]).await?;
        let id_token = tokens.id_token().context("there is no ID token")?;
        let used = serde_json::to_value(id_token.signing_alg()?)?;
        ensure!(used == algorithm.as_str(), "it is signed with {used}");
    }
    Ok(())
}

async fn hybrid() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let response_types = vec![CoreResponseType::Code, CoreResponseType::IdToken];
    let (url, state, nonce) = client
        .authorize_url(
            CoreAuthenticationFlow::Hybrid(response_types),
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .url();
    let callback = sign_in(&provider, &url)?;
    let code = AuthorizationCode::new(callback.code(state.secret())?);
    let id_token = callback.parameter("id_token");
    let id_token = CoreIdToken::from_str(&id_token.context("there is no ID token")?)?;
    let verifier = client.id_token_verifier();
    let claims = id_token.claims(&verifier, &nonce)?;
    let (alg, key) = (id_token.signing_alg()?, id_token.signing_key(&verifier)?);
    let expected = AuthorizationCodeHash::from_code(&code, alg, key)?;
    ensure!(claims.code_hash() == Some(&expected), "c_hash does not fit");
    let tokens = client.exchange_code(code)?.request_async(&http()?).await?;
    let second = tokens.id_token().context("there is no second ID token")?;
    let second = second.claims(&verifier, &nonce)?;
    ensure!(second.subject() == claims.subject());
    Ok(())
}

async fn implicit() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, SPA, None).await?;
    let (url, state, nonce) = client
        .authorize_url(
            CoreAuthenticationFlow::Implicit(true),
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("profile".to_owned()))
        .url();
    let callback = sign_in(&provider, &url)?;
    ensure!(callback.parameter("state").as_ref() == Some(state.secret()));
    let id_token = callback.parameter("id_token");
    let id_token = CoreIdToken::from_str(&id_token.context("there is no ID token")?)?;
    let access_token = callback.parameter("access_token");
    let access_token = AccessToken::new(access_token.context("there is no access token")?);
    let verifier = client.id_token_verifier();
    let claims = id_token.claims(&verifier, &nonce)?;
    let (alg, key) = (id_token.signing_alg()?, id_token.signing_key(&verifier)?);
    let expected = AccessTokenHash::from_token(&access_token, alg, key)?;
    ensure!(
        claims.access_token_hash() == Some(&expected),
        "at_hash does not fit"
    );
    let userinfo: CoreUserInfoClaims = client
        .user_info(access_token, Some(claims.subject().clone()))?
        .request_async(&http()?)
        .await?;
    ensure!(userinfo.name().is_some());
    Ok(())
}

async fn form_post() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let (url, state, _) = code_request(&client)
        .add_extra_param("response_mode", "form_post")
        .url();
    let code = take_code(&provider, &url, &state)?;
    client.exchange_code(code)?.request_async(&http()?).await?;
    Ok(())
}

async fn password() -> Result<()> {
    let provider = strict_provider().start().await?;
    let client = discovered(&provider, WEB.0, Some(WEB.1)).await?;
    let alice = ResourceOwnerUsername::new("alice".to_owned());
    let password = ResourceOwnerPassword::new("any".to_owned());
    let tokens = client
        .exchange_password(&alice, &password)?
        .add_scope(Scope::new("openid".to_owned()))
        .request_async(&http()?)
        .await?;
    let id_token = tokens.id_token().context("there is no ID token")?;
    let no_nonce = |_: Option<&Nonce>| Ok(());
    let claims = id_token.claims(&client.id_token_verifier(), no_nonce)?;
    ensure!(claims.subject().as_str() == "alice");
    Ok(())
}

async fn device() -> Result<()> {
    let provider = strict_provider().start().await?;
    let issuer = IssuerUrl::new(provider.issuer().url().to_owned())?;
    let metadata = Metadata::discover_async(issuer, &http()?).await?;
    let url = metadata
        .additional_metadata()
        .device_authorization_endpoint
        .clone();
    let client = configured(metadata, SPA, None)?.set_device_authorization_url(url);
    let details: CoreDeviceAuthorizationResponse = client
        .exchange_device_code()
        .add_scope(Scope::new("openid".to_owned()))
        .request_async(&http()?)
        .await?;
    // The user of `device.auto` agrees once the client has asked for a while.
    let tokens = client
        .exchange_device_access_token(&details)?
        .request_async(&http()?, tokio::time::sleep, None)
        .await?;
    let id_token = tokens.id_token().context("there is no ID token")?;
    let no_nonce = |_: Option<&Nonce>| Ok(());
    let claims = id_token.claims(&client.id_token_verifier(), no_nonce)?;
    ensure!(claims.subject().as_str() == "alice");
    Ok(())
}

async fn registration() -> Result<()> {
    let provider = strict_provider().start().await?;
    let issuer = IssuerUrl::new(provider.issuer().url().to_owned())?;
    let metadata = Metadata::discover_async(issuer, &http()?).await?;
    let url = metadata
        .registration_endpoint()
        .context("there is no endpoint")?;
    let register = |redirect_uri: &str| {
        let redirect_uri = RedirectUrl::new(redirect_uri.to_owned())?;
        let none = EmptyAdditionalClientMetadata {};
        anyhow::Ok(CoreClientRegistrationRequest::new(vec![redirect_uri], none))
    };
    let registered = register(REDIRECT_URI)?;
    let registered = registered.register_async(url, &http()?).await?;
    let secret = registered.client_secret().context("there is no secret")?;
    let (id, secret) = (registered.client_id().to_string(), secret.secret());
    let client = discovered(&provider, &id, Some(secret)).await?;
    log_in(&provider, &client, &[]).await?;
    let refused = register("http://127.0.0.1/callback#fragment")?;
    let refused = refused.register_async(url, &http()?).await;
    let Err(ClientRegistrationError::ServerResponse(error)) = refused else {
        anyhow::bail!("a redirect URI with a fragment gives {refused:?}");
    };
    ensure!(*error.error() == CoreRegisterErrorResponseType::InvalidRedirectUri);
    Ok(())
}

pub(crate) fn expect_error<T, E: std::error::Error>(
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
