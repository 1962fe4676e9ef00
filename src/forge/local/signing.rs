//! Approvals that are signed: SSH signatures, made and checked in process, against Git's allowed-signers format.

use std::path::Path;

use bpctl_core::model::{Timestamp, canonical_json};
use ssh_key::{PublicKey, SshSig};

use crate::forge::Answer;
pub use crate::git::SigningError;
use crate::git::SshKey;

/// The SSH signature namespace of approvals: a signature over a commit or a file is none.
pub const NAMESPACE: &str = "bpctl-approval";

/// A private key that signs approvals.
#[derive(Debug, Clone)]
pub struct SigningKey(SshKey);

impl SigningKey {
    /// Reads an OpenSSH private key file.
    pub fn load(path: &Path) -> Result<Self, SigningError> {
        SshKey::load(path).map(Self)
    }

    /// Makes a new key from the system's random source: for the tour and for tests.
    pub fn generate() -> Result<Self, SigningError> {
        SshKey::generate().map(Self)
    }

    /// Writes the key as an OpenSSH private key file that only its owner may read.
    pub fn save(&self, path: &Path) -> Result<(), SigningError> {
        self.0.save(path)
    }

    /// The line of an allowed-signers file that lets this key approve as `principal`, an e-mail address.
    pub fn public_line(&self, principal: &str) -> Result<String, SigningError> {
        Ok(format!("{principal} namespaces=\"{NAMESPACE}\" {}", self.0.public()?))
    }

    /// Signs; the armored signature.
    pub(super) fn sign(&self, payload: &str) -> Result<String, SigningError> {
        self.0.sign(NAMESPACE, payload.as_bytes())
    }
}

/// The facts that a signature is about. One for another pull request, commit, base or answer does not verify here.
pub(super) struct Statement<'a> {
    pub(super) pull: u64,
    pub(super) head: &'a str,
    pub(super) base_branch: &'a str,
    pub(super) answer: Answer,
    pub(super) justification: &'a str,
    pub(super) at: Timestamp,
}

impl Statement<'_> {
    /// The bytes that are signed: canonical JSON.
    pub(super) fn payload(&self) -> String {
        canonical_json(&serde_json::json!({
            "bpctlApproval": 1,
            "pull": self.pull,
            "head": self.head,
            "baseBranch": self.base_branch,
            "answer": match self.answer { Answer::Approve => "approve", Answer::Reject => "reject" },
            "justification": self.justification,
            "at": self.at.as_second(),
        }))
    }
}

/// Who may sign approvals, from the text of Git's allowed-signers file on the base branch.
#[derive(Debug, Clone, Default)]
pub struct AllowedSigners {
    signers: Vec<Signer>,
    skipped: Vec<(usize, &'static str)>,
}

#[derive(Debug, Clone)]
struct Signer {
    principal: String,
    key: PublicKey,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl AllowedSigners {
    /// Reads the file. A line that bpctl does not understand whole allows nobody.
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match signer(line) {
                Ok(Some(signer)) => found.signers.push(signer),
                Ok(None) => {}
                Err(why) => found.skipped.push((at + 1, why)),
            }
        }
        found
    }

    /// Lines, counted from 1, that allow nobody because bpctl does not understand them, and why.
    pub fn skipped(&self) -> &[(usize, &'static str)] {
        &self.skipped
    }

    /// Who may sign: principals, in the file's order.
    pub fn principals(&self) -> impl Iterator<Item = &str> {
        self.signers.iter().map(|signer| signer.principal.as_str())
    }

    /// The principal whose key made this signature over these bytes, at a time when the key was valid. The time is what the
    /// signature itself claims.
    pub(super) fn verify(&self, payload: &str, armored: &str, at: Timestamp) -> Option<&str> {
        let signature = SshSig::from_pem(armored).ok()?;
        let signer = self.signers.iter().find(|signer| {
            signer.key.key_data() == signature.public_key()
                && signer.after.is_none_or(|after| at >= after)
                && signer.before.is_none_or(|before| at < before)
        })?;
        // Compares namespace and key again, then checks the signature itself.
        signer.key.verify(NAMESPACE, payload.as_bytes(), &signature).ok()?;
        Some(&signer.principal)
    }
}

/// One line: `principal[,principal] [options] keytype key [comment]`. `None`: valid, but not for approvals.
fn signer(line: &str) -> Result<Option<Signer>, &'static str> {
    let (principals, rest) = token(line)?;
    let principals = principals.trim_matches('"');
    // A pattern names a crowd; an approval has to name a person. The first name is the person.
    if principals.contains(['*', '?', '!']) {
        return Err("a principal is a pattern; an approval needs a name");
    }
    let principal = principals.split(',').map(str::trim).find(|p| !p.is_empty()).ok_or("it names no principal")?;
    let (first, after_first) = token(rest)?;
    let (mut after, mut before, mut ours) = (None, None, true);
    let key = if let Ok(key) = public_key(first, after_first) {
        key
    } else {
        for option in options(first) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = value.trim_matches('"');
            match name.to_ascii_lowercase().as_str() {
                "namespaces" => ours = value.split(',').any(|n| n.trim() == NAMESPACE || n.trim() == "*"),
                "valid-after" => after = Some(time(value)?),
                "valid-before" => before = Some(time(value)?),
                "cert-authority" => return Err("certificate authorities are not accepted"),
                _ => return Err("it has an option or a key that bpctl does not know"),
            }
        }
        let (kind, rest) = token(after_first)?;
        public_key(kind, rest)?
    };
    let principal = super::person_id(principal);
    Ok(ours.then_some(Signer { principal, key, after, before }))
}

/// The next word; double quotes hold words together.
fn token(text: &str) -> Result<(&str, &str), &'static str> {
    let text = text.trim_start();
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                return Ok((text.get(..at).unwrap_or(text), text.get(at..).unwrap_or("")));
            }
            _ => {}
        }
    }
    if quoted { Err("a quote is not closed") } else { Ok((text, "")) }
}

/// Options, split at commas outside quotes.
fn options(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

fn public_key(kind: &str, rest: &str) -> Result<PublicKey, &'static str> {
    let (key, _) = token(rest)?;
    PublicKey::from_openssh(&format!("{kind} {key}")).map_err(|_| "its key cannot be read")
}

/// `YYYYMMDD[HHMM[SS]][Z]`, taken as UTC.
fn time(text: &str) -> Result<Timestamp, &'static str> {
    let wrong = "a time is not written as YYYYMMDD[HHMM[SS]]Z";
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 8 | 12 | 14) {
        return Err(wrong);
    }
    let padded = format!("{digits:0<14}");
    let part = |from: usize, to: usize| padded.get(from..to).unwrap_or("");
    let iso =
        format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14));
    iso.parse().map_err(|_| wrong)
}
