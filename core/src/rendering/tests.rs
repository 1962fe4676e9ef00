//! What a rendering reads and refuses, and the search for a line, over a renderer of a few lines.

use super::marks::Codes;
use super::mutate::{At, Sources, places};
use super::trace::Traced;
use super::*;
use crate::blueprint::Render;
use crate::model::{Blob, File, Files};

pub(super) fn files(all: &[(&str, &str)]) -> Files {
    let file = |(path, text): &(&str, &str)| {
        let blob = Blob { id: String::new(), bytes: text.as_bytes().into() };
        (RepoPath::new(*path).unwrap(), File::Blob(blob))
    };
    Files(all.iter().map(file).collect())
}

pub(super) fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn kustomize(root: &str) -> Render {
    Render { kustomize: Some(path(root)), ..Render::default() }
}

pub(super) fn helm(root: &str) -> Render {
    Render { helm: Some(path(root)), ..Render::default() }
}

#[test]
fn a_kustomization_reads_what_it_names_and_what_that_names() {
    let all = files(&[
        (
            "over/kustomization.yaml",
            "resources: [../base]\ncomponents: [../extra]\npatches: [{path: p.yaml}, {patch: \"a: 1\\nb: 2\"}]\nconfigMapGenerator:\n  - {name: c, files: [k=../conf/a.txt], envs: [e.env]}\n",
        ),
        ("over/p.yaml", ""),
        ("over/e.env", ""),
        ("base/kustomization.yml", "resources: [web.yaml]\n"),
        ("base/web.yaml", ""),
        ("extra/Kustomization", "patchesStrategicMerge: [x.yaml, \"kind: A\\nmetadata: {}\"]\n"),
        ("extra/x.yaml", ""),
        ("conf/a.txt", ""),
        ("other/secret.yaml", ""),
    ]);
    let read = inputs(&kustomize("over"), &all);
    assert_eq!(read.refused, None);
    assert_eq!(read.depth, BTreeMap::from([(path("over"), 0), (path("base"), 1), (path("extra"), 1)]));
    let seen: Vec<String> = read.files(&all).unwrap().0.into_keys().map(|path| path.to_string()).collect();
    assert!(!seen.iter().any(|path| path.starts_with("other")), "{seen:?}");
    assert_eq!(seen.len(), 8, "{seen:?}");
    // A neighbour that nothing names is not shown to the renderer, and its change is none of what is rendered.
    let mut more = all.clone();
    more.0.extend(files(&[("base/neighbour.yaml", "")]).0);
    assert_eq!(inputs(&kustomize("over"), &more).files(&more).unwrap().0.len(), 8);
    // As long as a folder was not read, it is only asked for.
    let half = files(&[("over/kustomization.yaml", "resources: [../base]\n")]);
    assert!(inputs(&kustomize("over"), &half).wanted.contains(&path("base")));
    assert_eq!(inputs(&kustomize("over"), &half).files(&half).unwrap_err().message, "there is no base");
}

/// Would miss: an overlay that is the repository's root, or builds on it; a repository that is read whole for it.
#[test]
fn x09_the_root_may_be_an_overlay() {
    let all = files(&[
        ("kustomization.yaml", "resources: [deploy/web.yaml]\n"),
        ("deploy/web.yaml", ""),
        ("over/a/kustomization.yaml", "resources: [../..]\n"),
        ("huge/other.yaml", ""),
    ]);
    let root = Render { kustomize: Some(RepoPath::root()), ..Render::default() };
    for (entry, expected) in [
        (root, vec!["deploy/web.yaml", "kustomization.yaml"]),
        (kustomize("over/a"), vec!["deploy/web.yaml", "kustomization.yaml", "over/a/kustomization.yaml"]),
    ] {
        let read = inputs(&entry, &all);
        let seen: Vec<String> = read.files(&all).unwrap().0.into_keys().map(|path| path.to_string()).collect();
        assert_eq!(seen, expected);
        assert!(!read.wanted.contains(&RepoPath::root()), "{:?}", read.wanted);
    }
    assert!(path("deploy/web.yaml").is_within(&RepoPath::root()) && !RepoPath::root().is_within(&path("deploy")));
    assert_eq!(all.below(&RepoPath::root()).count(), 4);
}

#[test]
fn t22_what_would_be_fetched_or_lies_outside_is_refused_before_anything_runs() {
    // Kustomize reads what is nested deeper than bpctl does, and would run it.
    let deep = format!(
        "transformers: [\"{{apiVersion: builtin, kind: PatchTransformer, x: {}{}}}\"]",
        "[".repeat(110),
        "]".repeat(110)
    );
    for (line, why) in [
        ("resources: [https://example.org/x.yaml]", "fetched from elsewhere"),
        ("resources: [github.com/kubernetes-sigs/kustomize/examples/helloWorld?ref=v1]", "fetched from elsewhere"),
        ("resources: [\"git@example.org:a/b\"]", "fetched from elsewhere"),
        ("resources: [\"git::https://example.org/a//b\"]", "fetched from elsewhere"),
        ("bases: [example.org/a/b]", "fetched from elsewhere"),
        ("Resources: [../../../etc]", "may read as another"),
        ("patches: [{Path: /etc/passwd}]", "may read as another"),
        ("configMapGenerator: [{name: a, FILES: [x=../../../etc/passwd]}]", "may read as another"),
        ("resources: [\"http://127.0.0.1/r.yaml\"]", "fetched from elsewhere"),
        ("patches: [{path: \"http://127.0.0.1/x=gen.yaml\"}]", "fetched from elsewhere"),
        ("configMapGenerator: [{name: a, envs: [\"http://127.0.0.1/x=gen.yaml\"]}]", "fetched from elsewhere"),
        ("configMapGenerator: [{name: a, env: \"http://127.0.0.1/x=gen.yaml\"}]", "fetched from elsewhere"),
        ("configMapGenerator: [{name: a, files: [\"http://127.0.0.1/x=gen.yaml\"]}]", "fetched from elsewhere"),
        ("patche\u{17f}: [{path: gen.yaml}]", "may read as another"),
        ("re\u{17f}ources: [gen.yaml]", "may read as another"),
        ("generators: [gen.yaml]", "plug-ins of Kustomize"),
        ("transformers: [\"kind: LabelTransformer\"]", "does not run"),
        ("transformers: [\"apiVersion: builtin\\nkind: ReplacementTransformer\"]", "does not run"),
        ("transformers: [\"apiVersion: builtin\\nkind: PatchTransformer\\nPath: /etc/passwd\"]", "does not run"),
        ("transformers: [\"apiVersion: builtin\\nkind: LabelTransformer\\n---\\nkind: Mine\"]", "does not run"),
        (
            "transformers: [\"{apiVersion: builtin, kind: PatchTransformer, path: ../../../x}\"]",
            "outside of the repository",
        ),
        (
            "transformers: [\"apiVersion: builtin\\nkind: PatchTransformer\\npath: http://127.0.0.1/x\"]",
            "fetched from elsewhere",
        ),
        ("transformers: [\"http://127.0.0.1/r.yaml\"]", "fetched from elsewhere"),
        ("transformers: [own.yaml]", "does not run"),
        (deep.as_str(), "`transformers` that bpctl cannot read"),
        ("transformers: [\"own.yaml #x\"]", "takes for no file's name"),
        ("transformers: [folder]", "does not run"),
        ("configurations: [\"http://127.0.0.1/r.yaml\"]", "fetched from elsewhere"),
        ("configurations: [../../../x.yaml]", "outside of the repository"),
        ("a: 1\n---\nresources: [x.yaml]", "several documents"),
        ("resources: [../../../etc]", "outside of the repository"),
        ("resources: [../.git/hooks]", "outside of the repository"),
        ("patches: [{path: ../../../etc/passwd}]", "outside of the repository"),
        ("configMapGenerator: [{name: a, files: [x=../../../etc/passwd]}]", "outside of the repository"),
        ("helmCharts: [{name: a}]", "inflates Helm charts"),
    ] {
        // A file of that name in the tree makes no difference.
        let all = files(&[
            ("deploy/over/kustomization.yaml", line),
            ("deploy/over/http:/127.0.0.1/r.yaml", ""),
            ("deploy/over/gen.yaml", ""),
            ("deploy/over/own.yaml", "apiVersion: example.org/v1\nkind: LabelTransformer\n"),
            ("deploy/over/folder/kustomization.yaml", ""),
        ]);
        let refused = inputs(&kustomize("deploy/over"), &all).files(&all).unwrap_err();
        assert!(refused.message.contains(why), "{line}: {refused:?}");
    }
    for (dependency, why) in [
        ("{name: redis, version: 1, repository: https://charts.example.org}", "fetched from elsewhere"),
        ("{name: redis, version: 1, repository: \"file://../../../../etc\"}", "outside of the repository"),
    ] {
        let chart = format!("name: a\ndependencies: [{dependency}]\n");
        let all = files(&[("charts/a/Chart.yaml", &chart)]);
        let refused = inputs(&helm("charts/a"), &all).files(&all).unwrap_err();
        assert!(refused.message.contains(why), "{dependency}: {refused:?}");
    }
    // Helm follows a link where it packs a chart that lies elsewhere, and where it reads a values file that may be missing.
    let chart = "name: a\ndependencies: [{name: b, version: 1, repository: \"file://../b\"}]\n";
    let may_miss = Render { values: vec![path("v.yaml")], ignore_missing: true, ..helm("charts/a") };
    for (render, link) in [(helm("charts/a"), "charts/b/values.yaml"), (may_miss, "v.yaml")] {
        let mut all = files(&[("charts/a/Chart.yaml", chart), ("charts/b/Chart.yaml", "name: b")]);
        assert!(inputs(&render, &all).files(&all).is_ok(), "{link}");
        all.0.insert(path(link), File::Refused("it is a symbolic link".into()));
        let refused = inputs(&render, &all).files(&all).unwrap_err();
        assert_eq!(refused.message, format!("{link} is not read: it is a symbolic link"));
    }
    // Would miss: a values file that Helm leaves out when it packs a chart, or takes though the parent's folder would not.
    for (ignore, text, known) in [
        ("charts/b/.helmignore", ".git/\n*.swp\n# more\n*~\n", true),
        ("charts/b/.helmignore", "values.yaml", false),
        ("charts/a/.helmignore", "*.yaml", false),
        ("charts/a/.helmignore", "charts/b/values.yaml", false),
        ("charts/a/.helmignore", "!values.yaml", false),
    ] {
        let all = [("charts/a/Chart.yaml", chart), ("charts/b/Chart.yaml", "name: b"), ("charts/b/values.yaml", "")];
        let all = files(&[all.as_slice(), &[(ignore, text)]].concat());
        let refused = inputs(&helm("charts/a"), &all).files(&all).map_err(|why| why.message);
        assert_eq!(refused.is_ok(), known, "{ignore} {text}: {refused:?}");
    }
    let twice =
        "dependencies: [{name: b, repository: \"file://../b\"}, {name: b, alias: c, repository: \"file://../c\"}]\n";
    let all = files(&[
        ("charts/a/Chart.yaml", twice),
        ("charts/b/Chart.yaml", "name: b"),
        ("charts/c/Chart.yaml", "name: b"),
    ]);
    assert!(inputs(&helm("charts/a"), &all).files(&all).unwrap_err().message.contains("two charts of one name"));
    // Helm would read `b.yaml` beside it, and whatever path of the machine stands there instead.
    for name in ["c/a,b.yaml", "c/\"a.yaml"] {
        let several = Render { values: vec![path(name)], ..helm("c") };
        let all = files(&[("c/Chart.yaml", "name: a"), (name, "")]);
        assert!(inputs(&several, &all).files(&all).unwrap_err().message.contains("reads as several"), "{name}");
    }
    let two = files(&[("k/kustomization.yaml", "resources: []"), ("k/kustomization.yml", "resources: []")]);
    assert!(inputs(&kustomize("k"), &two).files(&two).unwrap_err().message.contains("several kustomization files"));
    // A packed dependency is a chart like another.
    let packed = files(&[
        ("c/Chart.yaml", "dependencies: [{name: redis, version: 1, repository: https://charts.example.org}]"),
        ("c/charts/redis-1.0.0.tgz", ""),
    ]);
    assert_eq!(inputs(&helm("c"), &packed).refused, None);
}

/// Would miss: real overlays that nobody can render, since their labels come by a transformer of Kustomize's own; a patch that such a one
/// reads and nobody governs.
#[test]
fn x09_transformers_of_kustomizes_own_are_read() {
    let inline = "apiVersion: builtin\\nkind: PatchTransformer\\nmetadata: {name: p}\\npath: p.yaml";
    let all = files(&[
        ("k/kustomization.yaml", &format!("transformers: [labels.yaml, \"{inline}\"]\nconfigurations: [names.yaml]\n")),
        ("k/labels.yaml", "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {a: b}\n"),
        ("k/p.yaml", ""),
        ("k/names.yaml", "nameReference: []\n"),
    ]);
    let seen = inputs(&kustomize("k"), &all).files(&all).unwrap();
    assert_eq!(seen.0.len(), 4, "{:?}", seen.0.keys());
}

#[test]
fn t18_what_is_no_regular_file_is_not_rendered() {
    let mut all = files(&[("c/Chart.yaml", "name: a"), ("k/kustomization.yaml", "resources: [web.yaml]")]);
    for link in ["c/templates/passwd.yaml", "k/web.yaml"] {
        all.0.insert(path(link), File::Refused("it is a symbolic link".into()));
    }
    for render in [helm("c"), kustomize("k")] {
        assert!(inputs(&render, &all).files(&all).is_err(), "{render:?}");
    }
}

#[test]
fn folders_that_name_each_other_end() {
    let all = files(&[("a/kustomization.yaml", "resources: [../b]"), ("b/kustomization.yaml", "resources: [../a]")]);
    assert_eq!(inputs(&kustomize("a"), &all).depth.len(), 2);
}

/// T42. Would miss: folders that name one another and are read anew for each that names them, for minutes; what lies deeper, left out without a
/// word.
#[test]
fn t42_kustomizations_build_on_one_another_in_bounds() {
    let chain = |layers: usize, pad: usize| {
        let folder = |at: usize| {
            let next = if at + 1 < layers { format!("../l{}", at + 1) } else { "web.yaml".into() };
            (format!("l{at}/kustomization.yaml"), format!("resources: [{next}]\n#{}\n", "x".repeat(pad)))
        };
        let all: Vec<(String, String)> = (0..layers).map(folder).collect();
        let all: Vec<(&str, &str)> = all.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let refused = inputs(&kustomize("l0"), &files(&all)).refused;
        refused.map_or_else(String::new, |refused| refused.message)
    };
    assert!(!chain(21, 0).contains("kustomizations below"), "{}", chain(21, 0));
    assert_eq!(chain(23, 0), "l21 is more than 20 kustomizations below what is rendered");
    assert_eq!(chain(1, 140_000), "l0/kustomization.yaml is larger than 128 KiB");
}

#[test]
fn a_mark_is_another_text_of_the_same_sort_and_none_is_given_twice() {
    let mut codes = Codes::beside(["port: 1002, sha256:1003ab", "qaaaa-1"].into_iter());
    for (text, to) in [
        ("3", "1001"),
        ("100m", "1004m"),
        ("25%", "1005%"),
        ("v1.2.9", "v1.2.1006"),
        ("a7é", "a1007é"),
        ("true", "trueqaaab"),
        ("info", "infoqaaac"),
        ("sha256:00000000000000000000000000000001", "sha256:1008"),
    ] {
        assert_eq!(codes.mark(text).0, to);
    }
    let all: std::collections::BTreeSet<String> = (0..600).map(|_| codes.mark("web").1).collect();
    assert_eq!(all.len(), 600);
}

/// A renderer: what stands in `values.yaml` under `replicas`, and twice what stands under `twice`.
fn render(files: &Files) -> Option<Vec<Manifest>> {
    let text = std::str::from_utf8(&files.blob(&path("c/values.yaml"))?.bytes).ok()?.to_owned();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.split('#').next().map(str::trim));
    let twice: i64 = value("twice: ")?.parse().ok()?;
    let made = format!(
        "# Source: c/templates/w.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: w}}\nspec:\n  replicas: {}\n  \
         minReadySeconds: {}\n  image: {}\n",
        value("replicas: ")?,
        twice * 2,
        value("repository: ")
            .map(|repository| format!("{repository}:{}", value("tag: ").unwrap().replace("1.10", "1.1")))?,
    );
    objects(&helm("c"), made.as_bytes()).ok()
}

/// What is found of the image of the first object, with the places of its parts.
fn line_of_image(entry: &Render, all: &Files, render: impl Fn(&Files) -> Option<Vec<Manifest>>) -> Line {
    let (settings, read, before) = (BTreeMap::new(), inputs(entry, all), render(all).unwrap());
    let input = SearchInput { render: entry, inputs: &read, files: all, settings: &settings, before: &before };
    let field = FieldPath::keys(["spec", "image"]);
    let run = |mut search: Search<'_>| {
        while let Some(mutation) = search.next_mutation() {
            search.answer(render(&mutation.over(all)).as_deref());
        }
        search.origins(false)
    };
    let mut found = run(Search::new(input, [(&before[0].object, &field)].into_iter()));
    let parts = parts_to_find(&found, &before);
    let lines = run(Search::of_parts(input, &parts));
    add_parts(&mut found, &parts, lines);
    match found.swap_remove(0).1 {
        Origin::Line(line) => line,
        Origin::Unknown(why) => panic!("{why}"),
    }
}

/// Would miss: the tag's line where the name's was found, and the other way round.
#[test]
fn x09_both_lines_of_an_image_are_found() {
    let all =
        files(&[("c/Chart.yaml", "name: c"), ("c/values.yaml", "replicas: 1\ntwice: 1\nrepository: web\ntag: v7\n")]);
    let line = line_of_image(&helm("c"), &all, render);
    let places: Vec<(&str, usize)> = line.parts.iter().map(|part| (part.text.as_str(), part.span.line)).collect();
    assert_eq!(places, [("web", 3), ("v7", 4)]);
}

/// Would miss: a name that has no line because the overlay's tag goes with it, the line by which an overlay finds the image, which makes
/// nothing of it, and the tag told with the name's line.
#[test]
fn x09_the_name_of_an_image_is_found_below_an_overlay_that_sets_the_tag() {
    let (base, over) = ("image: reg/web:1.0\n", "images:\n  - name: reg/web\n    newTag: \"2.7\"\n");
    let all = files(&[
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", base),
        ("over/kustomization.yaml", &format!("resources: [../base]\n{over}")),
    ]);
    // As Kustomize does it: an image that the overlay does not name keeps its tag.
    let render = |files: &Files| {
        let text = |at: &str| Some(std::str::from_utf8(&files.blob(&path(at))?.bytes).ok()?.to_owned());
        let value = |text: &str, key: &str| {
            Some(text.lines().find_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(key))?.to_owned())
        };
        let (image, over) = (value(&text("base/web.yaml")?, "image: ")?, text("over/kustomization.yaml")?);
        let (name, tag) = image.rsplit_once(':')?;
        let known = value(&over, "name: ")? == name;
        let tag = if known { value(&over, "newTag: ")?.replace('"', "") } else { tag.to_owned() };
        let made = format!("kind: Deployment\nmetadata: {{name: w}}\nspec: {{image: \"{name}:{tag}\"}}\n");
        objects(&kustomize("over"), made.as_bytes()).ok()
    };
    let line = line_of_image(&kustomize("over"), &all, render);
    let places: Vec<String> = line.parts.iter().map(|part| format!("{} {}", part.span, part.text)).collect();
    assert_eq!(places, ["base/web.yaml:1:8 reg/web", "over/kustomization.yaml:4:14 2.7"]);
}

fn search(values: &str, field: &str) -> Origin {
    let all = files(&[("c/Chart.yaml", "name: c"), ("c/values.yaml", values)]);
    let (entry, settings) = (helm("c"), BTreeMap::new());
    let read = inputs(&entry, &all);
    let before = render(&all).unwrap();
    let input = SearchInput { render: &entry, inputs: &read, files: &all, settings: &settings, before: &before };
    let field = FieldPath::keys(["spec", field]);
    let mut search = Search::new(input, [(&before[0].object, &field)].into_iter());
    while let Some(mutation) = search.next_mutation() {
        search.answer(render(&mutation.over(&all)).as_deref());
    }
    search.origins(false).remove(0).1
}

fn line(origin: &Origin) -> (usize, usize, bool, usize) {
    match origin {
        Origin::Line(line) => (line.span.line, line.span.column, line.whole, line.also),
        Origin::Unknown(why) => panic!("{why}"),
    }
}

#[test]
fn x09_only_a_line_that_the_field_moves_with_is_named() {
    let values =
        "other: 3\n# replicas: 3\nreplicas: 3 # three\nspare: {replicas: 3}\ntwice: 21\nrepository: web\ntag: web\n";
    assert_eq!(line(&search(values, "replicas")), (3, 11, true, 0));
    // What is computed stands nowhere; a field that nothing makes has no line.
    assert!(matches!(search(values, "minReadySeconds"), Origin::Unknown(_)));
    assert_eq!(line(&search("replicas: 1\ntwice: 1\nrepository: web\ntag: v1.27\n", "image")), (4, 6, false, 0));
    // The same text in both parts: the later one is tried first, and proves itself.
    assert!(!line(&search(values, "image")).2);
    // A number that is printed otherwise than it is written.
    assert_eq!(line(&search("replicas: 1\ntwice: 1\nrepository: web\ntag: 1.10\n", "image")), (4, 6, false, 0));
}

#[test]
fn x09_a_text_is_found_as_a_word_of_its_own() {
    let all = files(&[
        ("c/Chart.yaml", "name: c"),
        ("c/values.yaml", "a: 1.2.3\nb: 1.2\nc: \"1.2\"\nd: x1.2\ne: [1.2, img:1.2]\nf: |\n  say 1.2\n  # 1.25\n"),
    ]);
    let entry = helm("c");
    let before = objects(&helm("c"), b"kind: Deployment\nmetadata: {name: w}\nspec: {v: \"1.2\"}\n").unwrap();
    let read = inputs(&entry, &all);
    let field = FieldPath::keys(["spec", "v"]);
    let traced = Traced::new(&entry, &read, &all, &before[0], &field);
    let mut lines: Vec<usize> = places(&traced, &Sources::new(&all), &["1.2".to_owned()])
        .into_iter()
        .filter_map(|place| match place.at {
            At::Bytes { span, .. } => Some(span.line),
            At::Setting(_) | At::Parameter(..) => None,
        })
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [2, 3, 5, 5, 7]);
}

const APPLICATION: &str = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: api, namespace: argocd}
spec:
  destination: {namespace: shop}
  source:
    path: ./charts/api
    helm:
      valueFiles: [values-prod.yaml, ../shared.yaml, /env/prod.yaml]
      values: |
        cache: {size: 9Mi, hosts: [a, b]}
      valuesObject: {image: {tag: v2, \"a.b\": x}, cache: {size: 10Mi}}
      parameters:
        - {name: label, value: \"7\", forceString: true}
        - {name: image.tag, value: v1}
        - {name: label, value: \"8\"}
        - {name: image.tag, value: v3}
        - {name: replicas, value: \"7\"}
        - {name: zip, value: \"0123\"}
        - {name: enabled, value: \"true\"}
        - {name: hosts, value: \"{a,b}\"}
        - {name: list, value: 'a,b\\,c'}
";

fn application(text: &str, also: &[(&str, &str)]) -> Result<Render, String> {
    let entry = Render { application: Some(path("argocd/api.yaml")), ..Render::default() };
    let mut all = files(&[("argocd/api.yaml", text), ("charts/api/values.yaml", "")]);
    all.0.extend(files(also).0);
    resolve_application(&entry, &all, &Delivered::default()).map_err(|diagnostic| diagnostic.message)
}

#[test]
fn an_application_says_what_the_delivery_renders_and_the_last_of_its_values_wins() {
    let render = application(APPLICATION, &[]).unwrap();
    assert_eq!(render.root(), Some((Renderer::Helm, &path("charts/api"))));
    assert_eq!((render.release.unwrap().as_str(), render.namespace.unwrap().as_str()), ("api", "shop"));
    assert_eq!(render.values, [path("charts/api/values-prod.yaml"), path("charts/shared.yaml"), path("env/prod.yaml")]);
    let given: Vec<String> = render.parameters.iter().map(Parameter::argument).collect();
    let expected =
        ["label=8", "image.tag=v3", "replicas=7", "zip=0123", "enabled=true", "hosts={a,b}", "list=a\\,b\\,c"];
    let mut expected: Vec<String> = expected.iter().map(|set| format!("--set={set}")).collect();
    expected.push("--set-string=label=7".into());
    assert_eq!(given, expected);
    assert_eq!(render.parameters[1].span.line, 17);
    let own = render.own_values.unwrap();
    assert_eq!(own.text, r#"{"cache":{"size":"10Mi"},"image":{"a.b":"x","tag":"v2"}}"#);
    assert_eq!(own.spans[&FieldPath::keys(["cache", "size"])].line, 12);
    let inline =
        application(&APPLICATION.replacen("valuesObject:", "x:", 1).replacen("      x:", "      # x:", 1), &[]);
    assert_eq!(inline.unwrap().own_values.unwrap().text, "cache: {size: 9Mi, hosts: [a, b]}\n");
    let kustomized = APPLICATION.split("    helm:").next().unwrap();
    let render = application(kustomized, &[]).unwrap();
    assert_eq!(render.root(), Some((Renderer::Kustomize, &path("charts/api"))));
    let chart = application(kustomized, &[("charts/api/Chart.yaml", "name: api")]).unwrap();
    assert_eq!(chart.root(), Some((Renderer::Helm, &path("charts/api"))));
}

/// Would miss: a chart that is told the namespace of its objects where its Application says another, objects that are looked for in the one
/// that the chart is told, and CRDs that nobody delivers.
#[test]
fn an_applications_own_namespace_is_the_charts_and_not_its_objects() {
    let text = APPLICATION.replacen("    helm:\n", "    helm:\n      namespace: told\n      skipCrds: true\n", 1);
    let text = text.replacen(
        "spec:\n",
        "spec:\n  ignoreDifferences: [{kind: Deployment, jsonPointers: [/spec/replicas]}]\n",
        1,
    );
    let render = application(&text, &[]).unwrap();
    assert_eq!(render.template_namespace.as_ref().map(crate::model::Name::as_str), Some("told"));
    assert!(render.skip_crds && render.ignored.len() == 1);
    let made = objects(&render, b"kind: Service\nmetadata: {name: a}\n").unwrap();
    assert_eq!(Some(made[0].object.namespace.as_str()), render.namespace.as_ref().map(crate::model::Name::as_str));
    let plain = application(APPLICATION, &[]).unwrap();
    assert_eq!((plain.template_namespace, plain.skip_crds, plain.ignored), (None, false, Vec::new()));
    assert!(
        application(&text.replace("told", "No Name"), &[])
            .unwrap_err()
            .contains("cannot take it for the name of a namespace")
    );
}

#[test]
fn an_application_that_cannot_be_rendered_as_argo_cd_would_is_refused() {
    for (from, to, why) in [
        ("path: ./charts/api", "chart: redis", "repository of charts"),
        ("path: ./charts/api", "path: ../../etc", "no folder of this repository"),
        ("  source:", "  sources: []\n  source:", "several sources"),
        ("values-prod.yaml,", "$values/prod.yaml,", "not in the repository"),
        ("values-prod.yaml,", "v-$ARGOCD_APP_NAME.yaml,", "fills in"),
        ("values-prod.yaml,", "\"values-*.yaml\",", "a pattern"),
        ("values-prod.yaml,", "https://example.org/v.yaml,", "not in the repository"),
        ("values-prod.yaml,", "../../../x.yaml,", "not in the repository"),
        ("    helm:", "    plugin: {name: x}\n    helm:", "a plugin renders it"),
        ("    helm:", "    directory: {recurse: true}\n    helm:", "the folder's files as they are"),
        ("    helm:", "    kustomize: {version: v5}\n    helm:", "either `helm` or `kustomize`"),
        ("    helm:", "    ref: values\n    helm:", "does not know spec.source.ref"),
        ("  source:", "  sourceHydrator: {}\n  source:", "does not know spec.sourceHydrator"),
        ("values-prod.yaml,", "values-prod.yaml, values-prod.yaml,", "named twice"),
        ("      values: |", "      fileParameters: []\n      values: |", "does not know the option `fileParameters`"),
        ("kind: Application", "kind: ApplicationSet", "no such Application"),
        ("path: ./charts/api", "path: ./charts/apo", "there is no charts/apo"),
        ("value: v3", "value: 3", "name and value are texts"),
        ("value: v3", "value: $ARGOCD_APP_NAME", "fills in"),
        ("      values: |\n", "      values:\n", "`values` is a text"),
    ] {
        let refused = application(&APPLICATION.replacen(from, to, 1), &[]).unwrap_err();
        assert!(refused.contains(why), "{to}: {refused}");
    }
    for beside in [".argocd-source.yaml", ".argocd-source-api.yaml", ".argocd-source-team-apps_api.yaml"] {
        let beside = &*format!("charts/api/{beside}");
        let refused = application(APPLICATION, &[(beside, "helm: {parameters: []}")]).unwrap_err();
        assert!(refused.contains("changes what the Application delivers"), "{refused}");
    }
    assert!(application(APPLICATION, &[("charts/api/.argocd-source-other.yaml", "")]).is_ok());
    assert!(application(APPLICATION, &[("charts/api/sub/.argocd-source-api.yaml", "")]).is_ok());
    let kustomized = APPLICATION.split("    helm:").next().unwrap();
    // Would miss: a chart that is judged where Argo CD delivers the kustomization beside it, or the other way round.
    let (chart, kustomization) =
        (("charts/api/Chart.yaml", "name: api"), ("charts/api/kustomization.yaml", "resources: []"));
    assert!(application(APPLICATION, &[chart, kustomization]).unwrap().helm.is_some());
    let both = application(kustomized, &[chart, kustomization]).unwrap_err();
    assert!(both.contains("holds Chart.yaml and kustomization.yaml"), "{both}");
    let empty = application(&format!("{kustomized}    helm: {{}}\n"), &[chart, kustomization]).unwrap_err();
    assert!(empty.contains("does not say which of them"), "{empty}");
    let named = application(&format!("{kustomized}    kustomize: {{version: v5}}\n"), &[chart, kustomization]).unwrap();
    assert_eq!((named.helm, named.kustomize), (None, Some(path("charts/api"))));
    assert!(application(kustomized, &[chart]).unwrap().helm.is_some());
    assert!(application(kustomized, &[]).unwrap().kustomize.is_some());
    let options = format!("{kustomized}    kustomize: {{images: [a=b]}}\n");
    assert!(application(&options, &[]).unwrap_err().contains("only the Application holds"));
    assert!(
        application(&format!("{APPLICATION}---\n{APPLICATION}"), &[]).unwrap_err().contains("several Applications")
    );
}

/// Would miss: an Application of another repository or revision, rendered from the files at hand.
#[test]
fn an_application_of_another_repository_or_revision_is_unknown() {
    let entry = Render { application: Some(path("argocd/api.yaml")), ..Render::default() };
    let refused = |origin: Option<&str>, base: &str, source: &str| {
        let text = APPLICATION.replacen("  source:\n", &format!("  source:\n{source}"), 1);
        let all = files(&[("argocd/api.yaml", &text), ("charts/api/Chart.yaml", "name: api")]);
        let here = Delivered { origin: origin.map(str::to_owned), base: base.into() };
        let resolved = resolve_application(&entry, &all, &here).unwrap();
        let refused = inputs(&resolved, &all).files(&all).unwrap_err();
        refused.message
    };
    let (repository, revision) = ("another repository", "another revision");
    for (origin, base, source, why) in [
        (
            Some("https://git.example/shop.git"),
            "main",
            "    repoURL: https://git.example/other.git\n",
            Some(repository),
        ),
        (
            Some("https://git.example/shop.git"),
            "main",
            "    repoURL: https://evil.example/shop.git\n",
            Some(repository),
        ),
        (
            Some("https://git.example/shop.git"),
            "main",
            "    repoURL: \"https://evil.example?@git.example/shop.git\"\n",
            Some(repository),
        ),
        (
            Some("https://git.example/shop.git"),
            "main",
            "    repoURL: \"https://evil.example#@git.example/shop.git\"\n",
            Some(repository),
        ),
        (
            Some("https://git.example/shop.git"),
            "main",
            "    repoURL: \"ext::sh -c x://git.example/shop\"\n",
            Some(repository),
        ),
        (
            Some("https://git.example/shop.git"),
            "main",
            "    repoURL: \"file://git.example/shop.git\"\n",
            Some(repository),
        ),
        (Some("https://git.example/shop.git"), "main", "", Some(repository)),
        (Some("git@git.example:a/shop.git"), "main", "    repoURL: https://bot@GIT.example:443/a/shop\n", None),
        (Some("ssh://git@git.example:22/a/shop"), "main", "    repoURL: git@git.example:a/shop.git\n", None),
        (Some("https://git.example:8443/a"), "main", "    repoURL: https://git.example:8443/a.git\n", None),
        (Some("https://git.example/a"), "main", "    repoURL: https://git.example:8443/a\n", Some(repository)),
        (None, "main", "    repoURL: https://git.example/other.git\n    targetRevision: main\n", None),
        (None, "main", "    targetRevision: master\n", Some(revision)),
        (None, "trunk", "    targetRevision: trunk\n", None),
        (None, "trunk", "    targetRevision: main\n", Some(revision)),
        (None, "main", "    targetRevision: v0.1\n", Some(revision)),
        (None, "main", "    targetRevision: 1.0\n", Some(revision)),
    ] {
        let said = refused(origin, base, source);
        // Its values files are not there: that is what is left to say.
        assert!(said.contains(why.unwrap_or("there is no ")), "{origin:?} {source}: {said}");
    }
}

/// What a delivery puts into its namespace is not another namespace's, whatever a blueprint says.
#[test]
fn where_git_names_no_namespace_the_delivery_does() {
    let text = b"kind: Deployment\nmetadata: {name: a}\n---\nkind: Deployment\nmetadata: {name: b, namespace: own}\n---\nkind: ClusterRole\nmetadata: {name: c}\n";
    let namespaces = |render: &Render| -> Vec<String> {
        objects(render, text).unwrap().into_iter().map(|manifest| manifest.object.namespace.clone()).collect()
    };
    let named = Some(crate::model::Name::new("shop").unwrap());
    assert_eq!(namespaces(&helm("c")), ["default", "own", ""]);
    assert_eq!(namespaces(&Render { namespace: named.clone(), ..helm("c") }), ["shop", "own", ""]);
    assert_eq!(namespaces(&kustomize("k")), ["", "own", ""]);
    assert_eq!(namespaces(&Render { namespace: named, ..kustomize("k") }), ["shop", "own", ""]);
}

/// Would miss: a chart that gives something else tomorrow, though two renderings of today are alike; a value of a chart that never varies and is
/// held for one that does.
#[test]
fn x09_what_may_vary_is_not_seen_whole() {
    let shown = |file: &str, text: &str, again: &str| {
        let (render, all) = (helm("c"), files(&[(file, text)]));
        let made = |level: &str| {
            let output = format!("kind: ConfigMap\nmetadata: {{name: x}}\ndata: {{a: {level}}}\n");
            Rendering::of(&render, &inputs(&render, &all), Ok(output.as_bytes())).unwrap()
        };
        made("one").beside(&made(again), &all).shows(&path("c/values.yaml"))
    };
    for varies in
        ["now", "keys .Values.a", "date \"2006\" \"\"", "tpl .Values.a .", "a | encryptAES \"k\"", "randAlphaNum 5"]
    {
        assert!(!shown("c/templates/a.yaml", &format!("a: {{{{ {varies} }}}}"), "one"), "{varies}");
    }
    assert!(!shown("c/charts/db-1.tgz", "", "one"));
    assert!(!shown("c/templates/a.yaml", "a: 1", "two"));
    assert!(shown("c/templates/a.yaml", "a: {{ .Values.keys }} # now, known\n", "one"));
}

/// Would miss: a chart's hook that is compared with a cluster, where Helm may have taken it away; an object of Kustomize's that is not, though
/// it stands there as any other.
#[test]
fn x09_hooks_are_helms_alone() {
    let text = b"kind: Job\nmetadata: {name: w, annotations: {helm.sh/hook: test}}\n";
    let made = |render: &Render| {
        let made = Rendering::of(render, &Inputs::default(), Ok(text)).unwrap();
        (made.outcome.unwrap().len(), made.hooks.len())
    };
    assert_eq!((made(&helm("c")), made(&kustomize("k"))), ((0, 1), (1, 0)));
}
