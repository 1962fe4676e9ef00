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
                \x20 image: Nginx:latest      # nginx:latest\n  image: \"nginx:1.27 \"     # nginx:1.27\n\n\
                Write the name as the registry has it. Names of capitals alone, which something fills in later, are left out.",
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
        let squeezed: String = image.chars().filter(|c| !c.is_whitespace()).collect();
        // Nothing at all has a finding of its own.
        return (!squeezed.is_empty()).then(|| ("holds a blank", format!("write {squeezed}")));
    }
    let name = image.split('@').next().unwrap_or_default();
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
    let bad = tag.is_some_and(|tag| !good(tag));
    bad.then(|| ("has a tag that is none", "a tag is of letters, digits, `_`, `.` and `-`, 128 at most".into()))
}

#[cfg(test)]
mod tests {
    use super::fault;

    /// Would miss: a name that no registry has; a good one, of any host, that is called wrong.
    #[test]
    fn a_reference_is_told_from_what_is_none() {
        for good in [
            "nginx",
            "a/b:1.2@sha256:00",
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
            ("nginx:1.27 ", "write nginx:1.27"),
            ("nginx:", "a tag is"),
            ("nginx:v1+build", "a tag is"),
        ] {
            assert!(fault(bad).is_some_and(|(_, told)| told.starts_with(help)), "{bad}: {:?}", fault(bad));
        }
    }
}
