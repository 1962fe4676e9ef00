//! `image-invalid`: a reference that names no image.

use super::{Look, Page, Rule, container_name, is_placeholder, mark_node, pod_template};
use crate::blueprint::Manifest;
use crate::model::Diagnostic;
use crate::yaml::Node;

/// An image that nothing can pull, whatever the registry.
pub(super) struct ImageInvalid;

impl Rule for ImageInvalid {
    fn page(&self) -> Page {
        Page {
            code: "image-invalid",
            about: "A container's image is no reference that any registry takes",
            explain: "The pods wait with InvalidImageName, or the API server refuses them. A reference is [HOST/]PATH[:TAG][@DIGEST] without blanks;\n\
                the path is of small letters.\n\n\
                \x20 image: Nginx:latest      # nginx:latest\n  image: \"nginx:1.27 \"     # nginx:1.27\n\
                \x20 image: https://reg.example/web:1   # reg.example/web:1\n\n\
                A digest is sha256: and 64 hexadecimal digits, small letters; one that was cut off in copying is none.\n\
                Write the name as the registry has it. Names of capitals alone and ko://, which something fills in later, are left out.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        look.targets().flat_map(images).collect()
    }
}

fn images(manifest: &Manifest) -> Vec<Diagnostic> {
    let pod = pod_template(manifest).and_then(|template| template.get("spec"));
    let list = |key| pod.and_then(|pod| pod.get(key)).map(Node::items).unwrap_or_default();
    let containers = list("containers").iter().chain(list("initContainers"));
    let wrong = |container: &Node| {
        let node = container.get("image")?;
        let image = node.as_str().filter(|image| !is_placeholder(image))?;
        let (why, help) = fault(image)?;
        let message = format!("container {} of {} has an image that {why}", container_name(container), manifest.object);
        Some(mark_node(Diagnostic::error("image-invalid", message), manifest, node, "here").help(help))
    };
    containers.filter_map(wrong).collect()
}

/// What is wrong, and what to write.
fn fault(image: &str) -> Option<(&'static str, String)> {
    if image.contains(char::is_whitespace) {
        let parts: Vec<&str> = image.split_whitespace().collect();
        let help = match parts[..] {
            // Nothing at all has a finding of its own.
            [] => return None,
            [image] => format!("write {image}"),
            _ => format!("write {}, or a `:` between a name and its tag", parts.concat()),
        };
        return Some(("holds a blank", help));
    }
    // What `ko` builds and fills in when it applies.
    if image.starts_with("ko://") {
        return None;
    }
    if let Some((scheme, rest)) = image.split_once("://") {
        return Some(("begins like an address", format!("write it without {scheme}://: {rest}")));
    }
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let slash = name.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match name[slash..].split_once(':') {
        Some((last, tag)) => (&name[..slash + last.len()], Some(tag)),
        None => (name, None),
    };
    // A first part with a dot, a port or a capital is a host, in which capitals are the same as small letters.
    let host = name.find('/').filter(|at| name[..*at].contains(['.', ':']) || name[..*at].contains(char::is_uppercase));
    let path = &name[host.map_or(0, |at| at + 1)..];
    if path.contains(char::is_uppercase) && path.contains(char::is_lowercase) {
        let rest = &image[name.len()..];
        let host = &name[..name.len() - path.len()];
        return Some(("has capitals in its name", format!("did you mean {host}{}{rest}?", path.to_lowercase())));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let good = |tag: &str| (1..=128).contains(&tag.len()) && tag.chars().all(legal) && !tag.starts_with(['.', '-']);
    if tag.is_some_and(|tag| !good(tag)) {
        let help = "a tag is of letters, digits, `_`, `.` and `-`, 128 at most";
        return Some(("has a tag that is none", help.into()));
    }
    digest.and_then(digest_fault).map(|help| ("has a digest that is none", help))
}

/// How many small hexadecimal digits the digests have that a kubelet knows.
const DIGESTS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// What a digest has to be, where it is none. One that something fills in later, of capitals alone, is left out.
fn digest_fault(digest: &str) -> Option<String> {
    let (kind, hex) = digest.split_once(':').unwrap_or(("", digest));
    if is_filled_in(hex) {
        return None;
    }
    let known = DIGESTS.into_iter().find(|(known, _)| *known == kind);
    let Some((_, length)) = known else {
        return Some("a digest begins with sha256: (64 hexadecimal digits follow)".into());
    };
    let small = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let good = hex.len() == length && hex.chars().all(small);
    (!good).then(|| {
        let has = match hex.len() {
            has if has == length => "others stand here".to_owned(),
            has => format!("here are {has}"),
        };
        format!("after {kind}: stand {length} digits of 0-9 and a-f, {has}; take it anew from the registry")
    })
}

/// `DIGEST`: a name that stands for what something writes later.
fn is_filled_in(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && !text.contains(char::is_lowercase)
        && text.contains(|c: char| c > 'F')
}

#[cfg(test)]
mod tests {
    use super::fault;

    const SHA: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    /// Would miss: a name that no registry has; a good one, of any host, that is called wrong.
    #[test]
    fn a_reference_is_told_from_what_is_none() {
        for good in [
            "nginx",
            &format!("a/b:1.2@{SHA}"),
            &format!("a/b@sha512:{0}{0}", &SHA[7..]),
            "a/b@sha256:IMAGE_DIGEST",
            "localhost:5000/a:v1",
            "Reg.example:80/a/b",
            "x.io/a__b-c.d:V1_2-RC",
            "IMAGE",
            "APP_IMAGE",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for (bad, help) in [
            ("Nginx:latest", "did you mean nginx:latest?"),
            ("reg.io:5000/Team/app@sha256:0", "did you mean reg.io:5000/team/app@sha256:0?"),
            ("https://reg.io/app:1", "write it without https://: reg.io/app:1"),
            ("reg.io/app:1@sha256:abc", "after sha256: stand 64 digits of 0-9 and a-f, here are 3;"),
            (&format!("app@{}", &SHA[..70]), "after sha256: stand 64 digits of 0-9 and a-f, here are 63;"),
            (&format!("app@{}G", &SHA[..70]), "after sha256: stand 64 digits of 0-9 and a-f, others"),
            ("app@9f86d081", "a digest begins with sha256:"),
            ("nginx:1.27 ", "write nginx:1.27"),
            ("nginx:", "a tag is"),
            ("nginx:v1+build", "a tag is"),
        ] {
            assert!(fault(bad).is_some_and(|(_, told)| told.starts_with(help)), "{bad}: {:?}", fault(bad));
        }
    }
}
