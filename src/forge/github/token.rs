//! Tokens: one that was given, or those that GitHub gives to an app for an hour each.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bpctl_core::model::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::forge::ForgeError;
use crate::runtime;

/// The clocks of two machines may differ by this much.
const SKEW: i64 = 60;
/// GitHub takes a claim that lives for ten minutes at most.
const LIVES: i64 = 8 * 60;

/// Who bpctl is there.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// An access token: a person's, an app's, or the one of a workflow's run.
    Token(SecretString),
    /// An app, by its id (or client id) and its private key (PEM).
    App {
        /// `123456`, or `Iv23…`.
        id: String,
        /// The key's text.
        key: SecretString,
    },
}

impl Credentials {
    /// The app that `BPCTL_APP_ID` and `BPCTL_APP_KEY` (its text, or a file that holds it) name; `None`: neither is set.
    ///
    /// # Errors
    /// One without the other, or a file that cannot be read.
    pub fn app_from_environment() -> Result<Option<Self>, ForgeError> {
        let input = |message: String| ForgeError::Input {
            message,
            hint: Some("set both: the app's id, and the text or the path of the .pem file that GitHub gave you".into()),
        };
        let (id, key) = match (runtime::variable("BPCTL_APP_ID"), runtime::secret(&["BPCTL_APP_KEY"])) {
            (None, None) => return Ok(None),
            (Some(id), Some(key)) => (id, key),
            _ => return Err(input("BPCTL_APP_ID and BPCTL_APP_KEY go together, and one of them is not set".into())),
        };
        if key.expose_secret().contains("-----BEGIN") {
            return Ok(Some(Self::App { id, key }));
        }
        let bytes = runtime::read_file(Path::new(key.expose_secret()))
            .map_err(|error| input(format!("BPCTL_APP_KEY is no key, and no file that can be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|_| input("the file that BPCTL_APP_KEY names is no key".into()))?;
        Ok(Some(Self::App { id, key: text.into() }))
    }
}

/// An app's key, ready to sign.
pub(super) struct AppKey {
    id: String,
    key: RsaKeyPair,
}

impl AppKey {
    /// # Errors
    /// A text that is no RSA key. What it holds is in no error.
    pub(super) fn new(id: String, pem: &SecretString) -> Result<Self, ForgeError> {
        let bad = |why: &str| ForgeError::Input {
            message: format!("the key of the GitHub App cannot be used: {why}"),
            hint: Some("BPCTL_APP_KEY is the text of the .pem file that GitHub gave you, or that file's path".into()),
        };
        let der =
            PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| bad("it is no PEM text"))?;
        let key = match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err(bad("it is no RSA key")),
        };
        Ok(Self { id, key: key.map_err(|_| bad("it is no RSA key"))? })
    }

    /// A claim to be the app, good for some minutes (JWT, RS256).
    pub(super) fn claim(&self, now: Timestamp) -> Result<SecretString, ForgeError> {
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({ "alg": "RS256", "typ": "JWT" }));
        let now = now.as_second();
        let claims = part(json!({ "iat": now - SKEW, "exp": now + LIVES, "iss": self.id }));
        let text = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).map_err(|_| {
            ForgeError::Malformed { attempt: "sign as the GitHub App".into(), why: "the key does not sign".into() }
        })?;
        Ok(SecretString::from(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}
