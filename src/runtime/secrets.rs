//! Credentials that this process holds, so that none stands where somebody reads along: whoever was sent one may repeat it (T38).

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bpctl_core::model::Untrusted;
use secrecy::{ExposeSecret as _, SecretString};

/// What stands for a credential.
const CUT: &str = "(credential)";
/// What is kept of another side's words, in bytes.
const SAID_LIMIT: usize = 2000;
/// What is shorter is no credential, and may be any word.
const SHORTEST: usize = 8;

/// Each credential in every form in which it may be repeated, the longest first.
static HELD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Remembers a credential of this process.
pub fn hold(secret: &SecretString) {
    let secret = secret.expose_secret().trim();
    if secret.len() < SHORTEST {
        return;
    }
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.extend(forms(secret));
    held.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    held.dedup();
}

/// What another side said, without credentials, and not more of it than anybody reads.
pub fn said(text: &str) -> Untrusted {
    let text = without_credentials(text.trim());
    Untrusted::new(text.get(..text.floor_char_boundary(SAID_LIMIT)).unwrap_or_default())
}

/// Text without the credentials of this process, and without what looks like one that it does not know: a plugin's, or of a file that was
/// rotated meanwhile.
pub fn without_credentials(text: &str) -> String {
    let mut text = text.to_owned();
    for form in HELD.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        if text.contains(form.as_str()) {
            text = text.replace(form.as_str(), CUT);
        }
    }
    let mut shown = String::with_capacity(text.len());
    let mut after_scheme = false;
    let of_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    for piece in text.split_inclusive(|c| !of_token(c)) {
        let word = piece.trim_end_matches(|c| !of_token(c));
        let follows = after_scheme && word.len() >= SHORTEST && word.contains(|c: char| c.is_ascii_digit());
        let is_jwt = word.starts_with("eyJ") && word.matches('.').count() >= 2;
        if follows || is_jwt {
            shown.push_str(CUT);
            shown.push_str(&piece[word.len()..]);
        } else {
            shown.push_str(piece);
        }
        after_scheme = if word.is_empty() {
            after_scheme
        } else {
            ["bearer", "basic", "token"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
        };
    }
    shown
}

/// A secret as it is, URL-encoded, and in base64, alone or amid other text.
fn forms(secret: &str) -> Vec<String> {
    let url: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut forms = vec![secret.to_owned(), url.to_lowercase(), url];
    for before in 0..3 {
        let bytes = [&vec![0; before], secret.as_bytes()].concat();
        // The digits that hold bits of the secret alone.
        let encoded = STANDARD.encode(&bytes);
        let digits = encoded.get((before * 8).div_ceil(6)..bytes.len() * 8 / 6).unwrap_or_default();
        forms.push(digits.replace('+', "-").replace('/', "_"));
        forms.push(digits.to_owned());
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T38. Would miss: a server, or a gateway before it, that repeats the header of a request, which is then read in a pull request.
    #[test]
    fn t38_what_servers_repeat_of_credentials_is_cut_out() {
        hold(&SecretString::from("CANARY-01/23+cd ef"));
        for said_of in [
            "no: Bearer CANARY-01/23+cd ef.",
            "CANARY-01/23+cd ef",
            "CANARY-01%2F23%2Bcd+ef",
            "canary-01%2f23%2bcd+ef",
            &STANDARD.encode(b"CANARY-01/23+cd ef"),
            &STANDARD.encode(b"x-access-token:CANARY-01/23+cd ef"),
            &STANDARD.encode(b"me:CANARY-01/23+cd ef:"),
            &STANDARD.encode(b"me2:CANARY-01/23+cd ef").replace('/', "_").replace('+', "-"),
            "unknown: \"bearer\" \"k8s-aws-v1.aHR0cHM6\"",
            "who is eyJhbGciOi.eyJzdWIi.c2ln?",
        ] {
            let shown = without_credentials(said_of);
            assert!(shown.contains(CUT), "{said_of}: {shown}");
            for left in ["CANARY", "canary", "aHR0cHM6", "eyJzdWIi", "01/23"] {
                assert!(!shown.contains(left), "{said_of}: {shown}");
            }
        }
        let plain = "deployments.apps \"web\" is forbidden: User \"bp\"; token expired, basic authentication is off";
        assert_eq!(without_credentials(plain), plain);
        // What is at the limit is cut out before it is cut off.
        let long = format!("{}CANARY-01/23+cd ef", "x".repeat(SAID_LIMIT - 9));
        assert!(!said(&long).raw().contains("CANARY"));
    }
}
