//! SSH keys that sign: commits as `git` with `gpg.format=ssh` does, and on the local forge approvals. In process: no agent, no program.

#![expect(clippy::disallowed_methods, reason = "an edge: looks for a key")]

use std::path::Path;

use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey};

/// The SSH signature namespace of Git's commits.
const NAMESPACE: &str = "git";

/// What can go wrong with a signing key.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The file cannot be read, or is no OpenSSH private key.
    #[error("couldn't read the signing key {path}")]
    Load {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: ssh_key::Error,
    },
    /// The key has a passphrase, or is of a kind that bpctl does not sign with.
    #[error("couldn't use the signing key: {0}")]
    Unusable(&'static str),
    /// The library refused.
    #[error("couldn't {attempt}")]
    Library {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        #[source]
        source: ssh_key::Error,
    },
}

/// A private key: Ed25519, whose signatures are the same each time, without a passphrase. `Debug` shows the public half only.
#[derive(Clone)]
pub struct SshKey(PrivateKey);

impl std::fmt::Debug for SshKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SshKey({})", self.0.fingerprint(HashAlg::Sha256))
    }
}

impl SshKey {
    /// Reads an OpenSSH private key file.
    pub fn load(path: &Path) -> Result<Self, SigningError> {
        PrivateKey::read_openssh_file(path)
            .map_err(|source| SigningError::Load { path: path.display().to_string(), source })
            .and_then(Self::usable)
    }

    /// The text of such a file, or the path of one.
    pub fn of(text_or_path: &str) -> Result<Self, SigningError> {
        let given = text_or_path.trim();
        // What is no file may be a key in another dress, and is not repeated.
        if !given.starts_with("-----BEGIN ") && Path::new(given).is_file() {
            return Self::load(Path::new(given));
        }
        // As an environment variable hands it on: whatever surrounds the key is lost, its last line end too.
        PrivateKey::from_openssh(format!("{given}\n"))
            .map_err(|source| SigningError::Load {
                path: "that was given: it is neither the text of an OpenSSH key nor the path of a file".into(),
                source,
            })
            .and_then(Self::usable)
    }

    fn usable(key: PrivateKey) -> Result<Self, SigningError> {
        if key.is_encrypted() {
            return Err(SigningError::Unusable("it has a passphrase; bpctl asks for none"));
        }
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(SigningError::Unusable("it is not an Ed25519 key"));
        }
        Ok(Self(key))
    }

    /// Makes a new key from the system's random source: for the tour and for tests.
    pub fn generate() -> Result<Self, SigningError> {
        let made = PrivateKey::random(&mut OsRng, Algorithm::Ed25519);
        made.map(Self).map_err(|source| SigningError::Library { attempt: "make a signing key", source })
    }

    /// Writes the key as an OpenSSH private key file that only its owner may read.
    pub fn save(&self, path: &Path) -> Result<(), SigningError> {
        self.0
            .write_openssh_file(path, LineEnding::LF)
            .map_err(|source| SigningError::Library { attempt: "write the signing key", source })
    }

    /// Its public half, as lists of signers have it: kind and key, without a comment.
    pub fn public(&self) -> Result<String, SigningError> {
        let mut public = self.0.public_key().clone();
        public.set_comment("");
        let text =
            public.to_openssh().map_err(|source| SigningError::Library { attempt: "write a public key", source })?;
        Ok(text.trim_end().to_owned())
    }

    /// Signs for a purpose; the armored signature.
    pub fn sign(&self, namespace: &str, payload: &[u8]) -> Result<String, SigningError> {
        self.0
            .sign(namespace, HashAlg::Sha512, payload)
            .and_then(|signature| signature.to_pem(LineEnding::LF))
            .map_err(|source| SigningError::Library { attempt: "sign", source })
    }

    /// Signs a commit's text.
    pub(super) fn sign_commit(&self, commit: &[u8]) -> Result<String, SigningError> {
        self.sign(NAMESPACE, commit)
    }
}
