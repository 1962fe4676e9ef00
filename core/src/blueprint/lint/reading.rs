//! Pages of the codes that reading itself gives.

use super::Page;

/// What reading a file can meet.
pub const READING: [Page; 21] = [
    page(
        "yaml-syntax",
        "The file is not YAML",
        "The place marked is where reading stopped; the mistake is there or just before. Look for a missing colon,\na tab used as indentation, or a quote that is not closed.",
    ),
    page(
        "yaml-encoding",
        "The file is not UTF-8 text",
        "Save it as UTF-8 without NUL characters. A byte order mark and CRLF line ends are fine.",
    ),
    page("yaml-too-large", "The file is too large", "bpctl reads files up to 4 MiB. Split it."),
    page(
        "yaml-too-deep",
        "The file is nested too deeply",
        "No Kubernetes object nests this deeply; such files are made to hurt their readers.",
    ),
    page(
        "yaml-alias-bomb",
        "The file's aliases expand to too much",
        "Aliases (`*name`) that refer to aliases multiply. Write the values out.",
    ),
    page("yaml-alias-cycle", "An alias refers to itself", "An anchor's value cannot contain its own alias."),
    page(
        "yaml-tag",
        "A YAML tag that bpctl does not take",
        "Remove the `!tag`. bpctl's own files need none, and Kubernetes knows only the core ones.",
    ),
    page(
        "yaml-key",
        "A key that Kubernetes cannot have",
        "Keys are text. In a template, the text between {{ and }} has to be quoted or rendered first.",
    ),
    page(
        "yaml-number",
        "A number that JSON cannot have",
        "Kubernetes speaks JSON, which knows no infinity and no not-a-number. Write the value as text, or another value.",
    ),
    page(
        "list-unread",
        "A list of objects in another form than `kind: List`",
        "To kubectl an object with `items` is a list: it applies the items and nothing else. bpctl reads them of `apiVersion: v1, kind: List`,\n\
         and of a list of one kind (`RoleList`) whose items say their own `apiVersion` and `kind`.\n\
         What another list holds is not known, so the workloads that it names are not compared. Write the objects as documents of their own.",
    ),
    page(
        "duplicate-key",
        "A key is given twice",
        "Which of the two would count is a matter of the reader, so neither does. Delete one.",
    ),
    page(
        "merge-key",
        "A merge key (`<<`) in one of bpctl's own files",
        "Write the fields out: what a rule says has to be readable in one place.",
    ),
    page(
        "unknown-field",
        "A field that the format does not have",
        "It would have no effect. Correct its name; `bpctl schema blueprint` has all names.",
    ),
    page("missing-field", "A field that the format needs", "Add it; `bpctl schema blueprint` has all fields."),
    page(
        "wrong-type",
        "A value of the wrong type",
        "A number where text is needed, text where a mapping is needed, and so on.",
    ),
    page("bad-value", "A value that cannot be", "The message says what is expected, with an example."),
    page(
        "unknown-kind",
        "A document of a kind that bpctl does not know",
        "Files below the blueprints folder are `kind: Blueprint`, `Policy` or `Suppression`. Manifests live elsewhere.",
    ),
    page(
        "duplicate-name",
        "Two files carry one name",
        "Names of blueprints, of policies, and of suppressions are unique in a repository.",
    ),
    page(
        "target-twice",
        "Two blueprints govern one workload",
        "The looser of two contracts would count for whoever asks by it. Keep one.",
    ),
    page(
        "workspace-missing",
        "There is no bpctl.yaml at the repository's root",
        "bpctl.yaml names the environments and where their clusters are. `bpctl schema workspace` has all fields; `bpctl tour --keep FOLDER`\nleaves a whole example.",
    ),
    page(
        "file-refused",
        "A file that is not read",
        "bpctl follows no symbolic links and no submodules, and reads no file over 4 MiB. Put a regular file there.",
    ),
];

const fn page(code: &'static str, about: &'static str, explain: &'static str) -> Page {
    Page { code, about, explain }
}
