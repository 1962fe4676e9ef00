//! Who is asked about a pull request that brings a workload a second time, or turns what delivers it against it, in whatever dress (T21).

use super::says;
use super::syncing::delivered;
use crate::support::Repo;

/// What of a pull request of these files a judge asks the frontend about.
fn asks_frontend(repo: &Repo, files: &[(&str, &str)]) -> bool {
    repo.git(&["switch", "-q", "-f", "bpctl/staging/backend/scale"]);
    let head = repo.git(&["rev-parse", "HEAD"]);
    repo.commit(files, "nothing to see");
    repo.git(&["switch", "-q", "main"]);
    let judged = repo.run(&["judge", "1"]).stdout;
    repo.git(&["update-ref", "refs/heads/bpctl/staging/backend/scale", head.trim()]);
    says(&judged, &["backend"]);
    let asks = |line: &str| {
        let tier = ["needs approval", "forbidden"].into_iter().find_map(|tier| line.trim().strip_prefix(tier));
        tier.is_some_and(|rest| rest.trim_start().starts_with("frontend "))
    };
    judged.lines().any(asks)
}

/// A manifest of the frontend's kind and of what acts on one, in a folder that nobody governs. Would miss: what kubectl, Argo CD or Flux takes for it
/// and bpctl's reader does not, or only once it is made of something else; and people who are asked about what is none of theirs.
#[test]
fn t21_what_comes_of_a_workload_is_judged_in_whatever_dress() {
    let second = Repo::shop().read("deploy/frontend.yaml");
    let scaler = |name: &str| {
        format!(
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: x, namespace: shop}}\nspec: {{maxReplicas: 1, scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}}}\n"
        )
    };
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}\n";
    let rename = "[{op: replace, path: /spec/scaleTargetRef/name, value: frontend}]\n";
    let kustomization =
        |more: &str| format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n{more}\n");
    let deep = "[".repeat(120) + &"]".repeat(120);
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {}\n- {{apiVersion: x.dev/v1, kind: X, metadata: {{name: x}}, spec: {deep}}}\n",
        second.trim_end().replace('\n', "\n  ")
    );
    let nested = format!(
        "apiVersion: v1\nkind: Foo\nitems:\n- apiVersion: v1\n  kind: Bar\n  items:\n  - {}\n",
        second.trim_end().replace('\n', "\n    ")
    );
    let json = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"f"}}{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"f\u0072ontend","namespace":"shop"}}"#;
    let of = |namespace: &str| second.replace("namespace: shop", &format!("namespace: {namespace}"));
    let repo = Repo::shop();
    repo.write("live/h.yaml", &scaler("other"));
    repo.commit(&[("charts/x/templates/a.yaml", "a: {{ x }} # frontend\n")], "what is there");
    repo.run(&super::APPLY);
    let is = |asked: bool, files: &[(&str, &str)]| assert_eq!(asks_frontend(&repo, files), asked, "{files:?}");
    for text in [
        second.replace("name: frontend\n", "name: !foo frontend\n"),
        second.replace("name: frontend\n", "name: !!binary ZnJvbnRlbmQ=\n"),
        second.replace("name: frontend\n", "name: !foo \"fr\\x6fnt\\\n    end\"\n"),
        second.replace("name: frontend\n", "name: \"${NAME:=frontend}\"\n"),
        format!("{config}---# c\n{second}"),
        format!("# c\u{2028}{}", second.replace('\n', "\u{2028}")),
        format!("{}{second}---\na: [\n", format!("{config}---\n").repeat(1100)),
        second.replace("apps/v1", "extensions/v1beta1"),
        list,
        nested,
    ] {
        is(true, &[("zz/x.yaml", &text)]);
    }
    is(true, &[("zz/x.json", json)]);
    // An autoscaler that was another's, a network that closes, and what the pods read.
    is(true, &[("live/h.yaml", &scaler("frontend"))]);
    is(
        true,
        &[(
            "zz/n.yaml",
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n",
        )],
    );
    // A kustomization that nobody renders here makes them of something else.
    for (more, file, text) in [
        ("resources: [h.txt]", "h.txt", &*scaler("frontend")),
        ("resources: [\"https://git.example/x?ref=1\"]", "README.md", "x"),
        ("namespace: shop\nresources: [d.yaml]", "d.yaml", &of("other")),
        ("namePrefix: front\nresources: [d.yaml]", "d.yaml", &second.replace("frontend", "end")),
        ("resources: [d.yaml]\npatches: [{path: p.yaml, target: {kind: HorizontalPodAutoscaler}}]", "p.yaml", rename),
        ("resources: [../../deploy/frontend.yaml]\nimages: [{name: y, newName: z}]", "README.md", "x"),
        ("generators: [g.yaml]", "g.yaml", config),
    ] {
        for folder in ["zz/a", "deploy/a"] {
            is(
                true,
                &[(&format!("{folder}/kustomization.yaml"), &kustomization(more)), (&format!("{folder}/{file}"), text)],
            );
        }
    }
    // Nobody else's business.
    is(
        false,
        &[
            (
                "zz/kustomization.yaml",
                &kustomization("namespace: shop\nresources: [d.yaml]\nimages: [{name: y, newTag: z}]"),
            ),
            ("zz/d.yaml", &second.replace("frontend", "zz")),
        ],
    );
    is(
        false,
        &[
            ("deploy/zz/kustomization.yaml", &kustomization("resources: [d.yaml]")),
            ("deploy/zz/d.yaml", &second.replace("frontend", "zz")),
        ],
    );
    is(false, &[("zz/x.yaml", &of("qa")), ("live/h.yaml", &scaler("third"))]);
    is(
        false,
        &[
            ("charts/x/templates/a.yaml", "a: {{ x \\ y }} # frontend, still\n"),
            ("charts/x/templates/b.yaml", "a: {{ .Values.x }}\n"),
        ],
    );
    is(
        false,
        &[
            ("zz/x.yaml", &second.replace("name: frontend\n", "name: \"${CLUSTER}-ingress\"\n")),
            ("zz/s.yaml", &format!("{config}data: {{url: \"http://frontend\", name: frontend}}\n")),
        ],
    );
}

/// Would miss: a kustomization, or an object of a controller's, that stands there and that nobody renders here, by which a change that says nothing of a
/// workload makes another of it, or brings a second one to its place; and a neighbour's everyday change that is held for it.
#[test]
fn t21_what_delivers_already_may_not_be_turned_against_a_workload() {
    let kustomization =
        |more: &str| format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n{more}\n");
    let second = |place: &str| Repo::shop().read("deploy/frontend.yaml").replace("namespace: shop", place);
    let zero =
        "patches:\n- target: {kind: Deployment}\n  patch: |-\n    - {op: replace, path: /spec/replicas, value: 0}";
    let flux = |more: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: x, namespace: flux-system}}\nspec:\n  path: ./flux\n  {more}\n"
        )
    };
    let argo = |more: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: x}}\nspec:\n  source: {{repoURL: r, path: apps/a{more}}}\n  destination: {{namespace: shop}}\n"
        )
    };
    let network = |place: &str| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n{place}}}\nspec: {{podSelector: {{}}}}\n"
        )
    };
    let repo = Repo::shop();
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
    for (path, text) in [
        ("deploy/kustomization.yaml", kustomization("resources: [frontend.yaml]")),
        ("overlays/live/kustomization.yaml", kustomization("resources: [../../mid]")),
        (
            "overlays/file/kustomization.yaml",
            kustomization("resources: [../../deploy]\npatches: [{path: p.patch, target: {kind: Deployment}}]"),
        ),
        ("overlays/file/p.patch", "- {op: replace, path: /spec/minReadySeconds, value: 1}\n".into()),
        ("mid/kustomization.yaml", kustomization("resources: [../deploy]")),
        ("apps/out/kustomization.yaml", kustomization("namespace: shop\nresources: [../in]")),
        ("apps/in/kustomization.yaml", kustomization("resources: [a.yaml, cart.tpl]")),
        ("apps/in/a.yaml", config.into()),
        ("apps/in/cart.tpl", config.into()),
        ("pay/kustomization.yaml", kustomization("namespace: pay\nresources: [n.yaml]")),
        ("pay/n.yaml", second("annotations: {a: b}")),
        ("flux.yaml", flux("targetNamespace: shop")),
        ("flux/a.yaml", config.into()),
        ("argo.yaml", argo("")),
        ("argo-live.yaml", argo("").replace("name: x", "name: live").replace("apps/a", "overlays/live")),
        (
            "all/kustomization.yaml",
            kustomization("resources: [../deploy, ../apps/in]\nimages: [{name: cart, newTag: a}]"),
        ),
        ("blue/kustomization.yaml", kustomization("nameSuffix: -blue\nresources: [a.yaml]")),
        ("blue/a.yaml", second("namespace: shop")),
    ] {
        repo.write(path, &text);
    }
    repo.replace(
        "deploy/frontend.yaml",
        "          env:\n",
        "          envFrom: [{configMapRef: {name: shop-config}}]\n          env:\n",
    );
    repo.commit(&[], "what is there");
    repo.run(&super::APPLY);
    let is = |asked: bool, files: &[(&str, &str)]| assert_eq!(asks_frontend(&repo, files), asked, "{files:?}");
    for (path, text) in [
        // Into its place, by what lists the file, directly or not, and whatever the file is called.
        ("apps/in/a.yaml", second("namespace: other")),
        ("apps/in/cart.tpl", second("namespace: other")),
        ("flux/a.yaml", second("namespace: other")),
        // What its pods read.
        (
            "apps/in/kustomization.yaml",
            kustomization("resources: [a.yaml, cart.tpl]\nconfigMapGenerator: [{name: shop-config, literals: [A=b]}]"),
        ),
        (
            "zz/c.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-config, namespace: shop}\ndata: !x {A: b}\n".into(),
        ),
        // Something else of what it lists.
        ("overlays/live/kustomization.yaml", kustomization(&format!("resources: [../../mid]\n{zero}"))),
        ("overlays/new/kustomization.yaml", kustomization(&format!("resources: [../../mid]\n{zero}"))),
        ("overlays/file/p.patch", "- {op: replace, path: /spec/replicas, value: 0}\n".into()),
        ("flux.yaml", flux("targetNamespace: shop\n  components: [../deploy]")),
        ("flux.yaml", flux("targetNamespace: shop\n  patches: [{target: {kind: Deployment}, patch: x}]")),
        ("argo.yaml", argo(", kustomize: {namePrefix: front}")),
        ("argo.yaml", argo(", plugin: {name: x}")),
        (
            "argo-live.yaml",
            argo(", kustomize: {images: [a=b]}").replace("name: x", "name: live").replace("apps/a", "overlays/live"),
        ),
        (
            "all/kustomization.yaml",
            kustomization(
                "resources: [../deploy, ../apps/in]\nimages: [{name: registry.shop.example/frontend, newName: evil}]",
            ),
        ),
        (
            "all/kustomization.yaml",
            kustomization("resources: [../deploy, ../apps/in]\nreplicas: [{name: frontend, count: 0}]"),
        ),
        // Nothing of what it listed, or under the names of others.
        ("overlays/live/kustomization.yaml", kustomization("resources: []")),
        ("blue/kustomization.yaml", kustomization("resources: [a.yaml]")),
        ("pay/kustomization.yaml", kustomization("namespace: shop\nresources: [n.yaml]")),
        // A kind that Flux fills in.
        ("zz/d.yaml", second("namespace: shop").replace("kind: Deployment", "kind: \"${K:=Deployment}\"")),
    ] {
        is(true, &[(path, &text)]);
    }
    for (path, text) in [
        ("apps/in/a.yaml", second("namespace: other").replace("frontend", "cart")),
        ("zz/a.yaml", network(", namespace: blog")),
        (
            "apps/in/kustomization.yaml",
            kustomization("resources: [a.yaml, cart.tpl]\nconfigMapGenerator: [{name: cart, literals: [A=b]}]"),
        ),
        (
            "apps/in/kustomization.yaml",
            kustomization("resources: [a.yaml, cart.tpl]\nimages: [{name: cart, newTag: b}]"),
        ),
        ("pay/n.yaml", network("")),
        (
            "all/kustomization.yaml",
            kustomization("resources: [../deploy, ../apps/in]\nimages: [{name: cart, newTag: b}]"),
        ),
        (
            "all/kustomization.yaml",
            kustomization("resources: [../deploy, ../apps/in, ../pay]\nimages: [{name: cart, newTag: a}]"),
        ),
        ("pay/n.yaml", second("labels: {a: b}").replace("frontend", "pay")),
        ("flux/a.yaml", format!("{config}data: {{a: b}}\n")),
        ("mid/kustomization.yaml", kustomization("resources: [../deploy, ../apps/in]")),
    ] {
        is(false, &[(path, &text)]);
    }
}

/// Would miss: what a kustomization that nobody renders comes to by something that its own words do not say: a name or a namespace that another
/// one gives, a value that it takes from a file, a copy that it newly lists; and everybody who is asked about a neighbour's part of it.
#[test]
fn t21_what_nobody_renders_is_built_and_compared() {
    let kustomization =
        |more: &str| format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n{more}\n");
    let repo = Repo::shop();
    let copy = |name: &str| {
        let plain = Repo::shop().read("deploy/frontend.yaml");
        plain.replace("namespace: shop", "annotations: {a: b}").replace("name: frontend", &format!("name: {name}"))
    };
    let config = |name: &str, data: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{{data}}}\n")
    };
    let replaced = "replacements:\n- source: {kind: ConfigMap, name: params, fieldPath: data.n}\n  targets:\n  - select: {kind: Deployment, name: frontend}\n    fieldPaths: [spec.replicas]";
    let root = "resources: [deploy, apps/cart]";
    for (path, text) in [
        ("deploy/kustomization.yaml", kustomization("resources: [frontend.yaml]")),
        ("kustomization.yaml", kustomization(root)),
        // A namespace and a prefix of somebody else's.
        (
            "parts/ns/kustomization.yaml",
            kustomization("namespace: shop").replace("v1beta1\nkind: Kustomization", "v1alpha1\nkind: Component"),
        ),
        ("apps/comp/kustomization.yaml", kustomization("resources: [a.yaml]\ncomponents: [../../parts/ns]")),
        ("apps/comp/a.yaml", config("x", "")),
        ("apps/outer/kustomization.yaml", kustomization("namespace: shop\nnamePrefix: front\nresources: [../inner]")),
        ("apps/inner/kustomization.yaml", kustomization("resources: [a.yaml]")),
        ("apps/inner/a.yaml", config("x", "")),
        // Names that a patch gives.
        (
            "apps/green/kustomization.yaml",
            kustomization(
                "namespace: shop\nresources: [a.yaml]\npatches:\n- target: {kind: Deployment}\n  patch: |-\n    - {op: replace, path: /metadata/name, value: cart}",
            ),
        ),
        ("apps/green/a.yaml", copy("frontend").replace("annotations: {a: b}", "namespace: x")),
        ("apps/k/kustomization.yaml", kustomization("namespace: shop\nresources: []")),
        ("docs/eu/kustomization.yaml", kustomization("resources: [a.yaml]")),
        ("docs/eu/a.yaml", copy("frontend").replace("annotations: {a: b}", "namespace: eu")),
        // Values of a file.
        ("live/kustomization.yaml", kustomization(&format!("resources: [../deploy, params.yaml]\n{replaced}"))),
        ("live/params.yaml", config("params", "n: 2")),
        (
            "more/kustomization.yaml",
            kustomization(&format!(
                "resources: [../deploy]\nconfigMapGenerator: [{{name: params, envs: [p.env]}}]\n{replaced}"
            )),
        ),
        ("more/p.env", "n=2\n".into()),
        // Neighbours of one overlay.
        (
            "prod/kustomization.yaml",
            kustomization(
                "resources: [../deploy, ../apps/cart]\npatches:\n- path: cart.yaml\n- {path: any.yaml, target: {kind: Deployment, name: cart}}",
            ),
        ),
        (
            "prod/cart.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart}\nspec: {replicas: 3}\n".into(),
        ),
        ("prod/any.yaml", "- {op: add, path: /spec/minReadySeconds, value: 1}\n".into()),
        ("apps/cart/kustomization.yaml", kustomization("resources: [a.yaml]")),
        ("apps/cart/a.yaml", copy("cart")),
        ("pay/kustomization.yaml", kustomization("namespace: pay\nresources: [a.yaml]")),
        ("pay/a.yaml", config("x", "")),
    ] {
        repo.write(path, &text);
    }
    repo.commit(&[], "what is there");
    repo.run(&super::APPLY);
    let is = |asked: bool, files: &[(&str, &str)]| assert_eq!(asks_frontend(&repo, files), asked, "{files:?}");
    for (path, text) in [
        ("apps/comp/a.yaml", copy("frontend").replace("annotations: {a: b}", "namespace: x")),
        ("apps/inner/a.yaml", copy("end").replace("annotations: {a: b}", "namespace: x")),
        ("apps/green/kustomization.yaml", kustomization("namespace: shop\nresources: [a.yaml]")),
        ("apps/k/kustomization.yaml", kustomization("namespace: shop\nresources: [../../docs/eu]")),
        ("live/params.yaml", config("params", "n: 0")),
        ("more/p.env", "n=0\n".into()),
        ("prod/any.yaml", "- {op: replace, path: /metadata/name, value: frontend}\n".into()),
        ("kustomization.yaml", kustomization(&format!("{root}\nreplicas: [{{name: frontend, count: 0}}]"))),
    ] {
        is(true, &[(path, &text)]);
    }
    for (path, text) in [
        ("live/params.yaml", config("params", "n: 2, m: 1")),
        ("prod/cart.yaml", repo.read("prod/cart.yaml").replace("replicas: 3", "replicas: 4")),
        ("prod/any.yaml", "- {op: add, path: /spec/minReadySeconds, value: 2}\n".into()),
        ("kustomization.yaml", kustomization("resources: [deploy, apps/cart, pay]")),
        ("kustomization.yaml", kustomization(&format!("{root} # ours"))),
        (
            "pay/kustomization.yaml",
            kustomization(
                "namespace: pay\nresources: [a.yaml]\nconfigMapGenerator: [{name: shop-config, literals: [A=b]}]\nimages: [{name: frontend, newTag: b}]",
            ),
        ),
    ] {
        is(false, &[(path, &text)]);
    }
}

/// Would miss: what a kustomization that cannot be built makes of files that its words do not name as patches; one that is built, and is not all
/// that a controller makes of it; and what it copies out of one blueprint's manifest into another's workload.
#[test]
fn t21_what_cannot_be_built_is_judged_by_all_that_it_is_made_of() {
    let kustomization =
        |more: &str| format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n{more}\n");
    let component =
        |more: &str| kustomization(more).replace("v1beta1\nkind: Kustomization", "v1alpha1\nkind: Component");
    let replaced = |kind: &str, name: &str, field: &str| {
        format!(
            "replacements:\n- source: {{kind: {kind}, name: {name}, fieldPath: {field}}}\n  targets:\n  - select: {{kind: Deployment, name: frontend}}\n    fieldPaths: [spec.template.spec.containers.0.image]"
        )
    };
    let params = |image: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: params, namespace: shop}}\ndata: {{i: {image}}}\n")
    };
    let patch = |replicas: u8| {
        component(&format!(
            "patches:\n- target: {{kind: Deployment}}\n  patch: '[{{\"op\":\"add\",\"path\":\"/spec/replicas\",\"value\":{replicas}}}]'"
        ))
    };
    let repo = Repo::shop();
    let (frontend, backend) = ("metadata:\n  name: frontend\n", "metadata:\n  name: backend\n");
    repo.replace("deploy/backend.yaml", backend, "metadata:\n  annotations: {img: \"a:1\"}\n  name: backend\n");
    assert!(repo.read("deploy/frontend.yaml").contains(frontend));
    for (path, text) in [
        ("deploy/kustomization.yaml", kustomization("resources: [frontend.yaml, backend.yaml]")),
        // A base of somewhere else.
        (
            "far/kustomization.yaml",
            kustomization(&format!(
                "resources: [../deploy/frontend.yaml, params.yaml, \"https://github.com/x/y?ref=v1\"]\nconfigMapGenerator: [{{name: shop-config, namespace: shop, files: [app.properties]}}]\n{}",
                replaced("ConfigMap", "params", "data.i")
            )),
        ),
        ("far/app.properties", "a=1\n".into()),
        ("far/params.yaml", params("\"a:1\"")),
        // Components that whoever delivers it adds.
        ("ov/kustomization.yaml", kustomization("resources: [../deploy]")),
        ("parts/few/kustomization.yaml", patch(3)),
        ("parts/alone/kustomization.yaml", patch(3)),
        (
            "flux/ov.yaml",
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: ov, namespace: flux-system}\nspec: {path: ./ov, components: [../parts/few]}\n".into(),
        ),
        // A namespace that Argo CD gives.
        ("argo/kustomization.yaml", kustomization("namespace: tmp\nresources: [../deploy]\npatches: [{path: p.yaml}]")),
        ("argo/p.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: frontend}\nspec: {minReadySeconds: 1}\n".into()),
        (
            "apps/argo.yaml",
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: argo, namespace: argocd}\nspec: {source: {path: argo, kustomize: {namespace: shop}}}\n".into(),
        ),
        // What one blueprint's manifest says for another's.
        (
            "copies/kustomization.yaml",
            kustomization(&format!("resources: [../deploy]\n{}", replaced("Deployment", "backend", "metadata.annotations.img"))),
        ),
    ] {
        repo.write(path, &text);
    }
    repo.commit(&[], "what is there");
    repo.run(&super::APPLY);
    let is = |asked: bool, files: &[(&str, &str)]| assert_eq!(asks_frontend(&repo, files), asked, "{files:?}");
    let slow = repo.read("argo/p.yaml").replace("minReadySeconds: 1", "replicas: 0");
    let other = repo.read("deploy/backend.yaml").replace("img: \"a:1\"", "img: \"evil:6\"");
    for (path, text) in [
        ("far/app.properties", "a=2\n"),
        ("far/params.yaml", params("\"evil:6\"").as_str()),
        ("parts/few/kustomization.yaml", patch(0).as_str()),
        ("argo/p.yaml", &slow),
        ("deploy/backend.yaml", &other),
    ] {
        is(true, &[(path, text)]);
    }
    for (path, text) in [
        ("far/notes.txt", "x\n"),
        ("parts/alone/kustomization.yaml", patch(0).as_str()),
        ("ov/README.md", "x\n"),
        ("deploy/backend.yaml", &repo.read("deploy/backend.yaml").replace("img: ", "other: b, img: ")),
    ] {
        is(false, &[(path, text)]);
    }
}

/// Would miss: what a base generates, renames or patches for a workload beside it, where somebody keeps it from being built; what a component or a
/// transformer copies, also between two that share a source; and components that are named in another way.
#[test]
fn t21_who_is_asked_does_not_depend_on_what_can_be_built() {
    let kustomization =
        |more: &str| format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n{more}\n");
    let component =
        |more: &str| kustomization(more).replace("v1beta1\nkind: Kustomization", "v1alpha1\nkind: Component");
    let copies = "source: {kind: Deployment, name: backend, fieldPath: metadata.annotations.img}\n  targets:\n  - select: {kind: Deployment, name: frontend}\n    fieldPaths: [spec.template.spec.containers.0.image]";
    let patch = |replicas: u8| {
        component(&format!(
            "patches:\n- target: {{kind: Deployment}}\n  patch: '[{{\"op\":\"add\",\"path\":\"/spec/replicas\",\"value\":{replicas}}}]'"
        ))
    };
    let flux = |path: &str, part: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: x, namespace: flux-system}}\nspec: {{path: {path}, components: [{part}]}}\n"
        )
    };
    let many: Vec<(String, String)> =
        (0..41).map(|n| (format!("x/{n}/kustomization.yaml"), "resources: []\n".into())).collect();
    let config = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n");
    let asked = |prepare: &dyn Fn(&Repo), files: &[(&str, &str)]| {
        let repo = Repo::shop();
        repo.replace(
            "deploy/backend.yaml",
            "metadata:\n  name: backend\n",
            "metadata:\n  annotations: {img: \"a:1\"}\n  name: backend\n",
        );
        repo.write("deploy/kustomization.yaml", &kustomization("resources: [frontend.yaml, backend.yaml]"));
        repo.write("base/app.properties", "a=1\n");
        prepare(&repo);
        repo.commit(&[], "what is there");
        repo.run(&super::APPLY);
        let img = repo.read("deploy/backend.yaml").replace("img: \"a:1\"", "img: \"evil:6\"");
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (*path, if *text == "IMG" { img.as_str() } else { text })).collect();
        asks_frontend(&repo, &files)
    };
    let ov = |more: &str| kustomization(&format!("namespace: shop\nresources: [../base, ../deploy]\n{more}"));
    // A base's parts, with forty-one others that nobody builds.
    let generates =
        kustomization("namespace: shop\nconfigMapGenerator: [{name: shop-config, files: [app.properties]}]");
    let renames = kustomization("namePrefix: shop-\nresources: [cm.yaml]");
    for (base, file, text) in [
        (&generates, "base/app.properties", "a=2\n".to_owned()),
        (&renames, "base/cm.yaml", config("config").replace("a: b", "a: c")),
    ] {
        let prepare = |repo: &Repo| {
            repo.write("base/kustomization.yaml", base);
            repo.write("base/cm.yaml", &config("config"));
            repo.write("ov/kustomization.yaml", &ov(""));
        };
        let mut files: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        files.push((file, &text));
        assert!(asked(&prepare, &files), "{file}");
    }
    // What a part of it copies, or somebody's own text does.
    let transformer = format!(
        "apiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {{name: r}}\nreplacements:\n- {copies}\n"
    );
    for (more, part) in [
        ("components: [../comp]", Some(format!("replacements:\n- {copies}"))),
        ("components: [../outer]", Some(format!("replacements:\n- {copies}"))),
        ("transformers: [rt.yaml]", None),
        (&*format!("replacements:\n- {copies}"), None),
    ] {
        let prepare = |repo: &Repo| {
            repo.write("base/kustomization.yaml", &kustomization("resources: []"));
            repo.write("ov/kustomization.yaml", &ov(more));
            repo.write("ov/rt.yaml", &transformer);
            repo.write("outer/kustomization.yaml", &component("components: [../comp]"));
            repo.write("comp/kustomization.yaml", &component(part.as_deref().unwrap_or("labels: []")));
        };
        assert!(asked(&prepare, &[("deploy/backend.yaml", "IMG")]), "{more}");
        // What other texts transform nobody knows before it is built, which is not tried with them.
        assert_eq!(asked(&prepare, &[("README.md", "x\n")]), more.starts_with("transformers"), "{more}");
        let shared = |repo: &Repo| {
            prepare(repo);
            for blueprint in ["frontend", "backend"] {
                repo.replace(
                    &format!("blueprints/{blueprint}/blueprint.yaml"),
                    &format!("deploy/{blueprint}.yaml"),
                    "deploy",
                );
            }
        };
        assert!(asked(&shared, &[("deploy/backend.yaml", "IMG")]), "a shared source, {more}");
    }
    // Below what a controller adds components to, and components that are named in another way.
    let below = |repo: &Repo| {
        repo.write(
            "base/kustomization.yaml",
            &kustomization("namespace: tmp\nconfigMapGenerator: [{name: shop-config, files: [app.properties]}]"),
        );
        repo.write("ov/kustomization.yaml", &ov(""));
        repo.write("comp/kustomization.yaml", &component("labels: []"));
        repo.write("flux/x.yaml", &flux("./ov", "../comp"));
    };
    assert!(asked(&below, &[("base/app.properties", "a=2\n")]));
    let json = r#"{"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": "x", "namespace": "f"}, "spec": {"path": "./ov", "components": ["../comp"]}}"#;
    let set = |path: &str, part: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: x, namespace: argocd}}\nspec: {{generators: [], template: {{metadata: {{name: x}}, spec: {{project: default, source: {{repoURL: x, path: '{path}', kustomize: {{components: [{part}]}}}}}}}}}}\n"
        )
    };
    for (path, text) in [
        ("flux/all.json", json.to_owned()),
        ("argo/set.yaml", set("{{.path.path}}", "../comp")),
        ("argo/set.yaml", set("apps/{{.path.basename}}", "../../comp")),
        ("ov/.argocd-source.yaml", "kustomize: {components: [../comp]}\n".into()),
        ("flux/flat.yaml", flux("./flat", "../comp")),
    ] {
        let prepare = |repo: &Repo| {
            repo.write("base/kustomization.yaml", &kustomization("resources: []"));
            repo.write("ov/kustomization.yaml", &ov(""));
            repo.write("comp/kustomization.yaml", &patch(3));
            repo.write(path, &text);
            if path == "flux/flat.yaml" {
                repo.write("flat/frontend.yaml", &repo.read("deploy/frontend.yaml"));
                repo.replace("blueprints/frontend/blueprint.yaml", "deploy/frontend.yaml", "flat/frontend.yaml");
            }
        };
        assert!(asked(&prepare, &[("comp/kustomization.yaml", &patch(0))]), "{path} {text}");
        assert!(!asked(&prepare, &[("ov/README.md", "x\n")]), "{path}");
    }
}

/// Would miss: a rendered workload that a second manifest, or somebody else's rendering, takes over.
#[test]
fn t21_a_rendered_workload_has_no_second_manifest_either() {
    let repo = delivered();
    let second = repo.read("deploy/frontend.yaml");
    let scaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x, namespace: shop}\nspec: {maxReplicas: 1, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: frontend}}\n";
    let kustomization = |listed: &str| format!("resources: [{listed}]\n");
    // A rendering that no blueprint is about.
    repo.replace(
        "bpctl.yaml",
        "{application: argocd/frontend.yaml}",
        "{application: argocd/frontend.yaml}, {kustomize: infra}",
    );
    repo.write("infra/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: o, namespace: shop}\n");
    repo.commit(&[("infra/kustomization.yaml", &kustomization("c.yaml"))], "infra");
    repo.run(&super::APPLY);
    let is = |asked: bool, files: &[(&str, &str)]| assert_eq!(asks_frontend(&repo, files), asked, "{files:?}");
    is(true, &[("zz/x.yaml", &second)]);
    is(true, &[("zz/x.yaml", scaler)]);
    is(true, &[("infra/kustomization.yaml", &kustomization("c.yaml, h.txt")), ("infra/h.txt", scaler)]);
    is(true, &[("infra/kustomization.yaml", &kustomization("c.yaml, h.txt")), ("infra/h.txt", &second)]);
    is(
        false,
        &[
            ("infra/kustomization.yaml", &kustomization("c.yaml, h.txt")),
            ("infra/h.txt", &scaler.replace("name: frontend", "name: zz")),
        ],
    );
}

/// Would miss: the namespace of a workload that goes from the folder that is pruned, or gets labels by which its pods are refused.
#[test]
fn t21_the_namespace_that_a_workload_lies_in_is_judged_with_it() {
    let repo = Repo::shop();
    let namespace = |name: &str, labels: &str| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n")
    };
    repo.write("deploy/ns.yaml", &namespace("shop", "team: shop"));
    repo.write("deploy/other.yaml", &namespace("other", "team: shop"));
    repo.commit(&[], "what is there");
    repo.run(&super::APPLY);
    assert!(asks_frontend(&repo, &[("deploy/ns.yaml", &namespace("shop2", "team: shop"))]));
    let refuses = "team: shop, pod-security.kubernetes.io/enforce: restricted";
    assert!(asks_frontend(&repo, &[("deploy/ns.yaml", &namespace("shop", refuses))]));
    assert!(!asks_frontend(&repo, &[("deploy/other.yaml", &namespace("other", refuses))]));
}

/// Would miss: a workload that Flux's operator makes of a text, or of the inputs of one that is there; a step of a workflow that applies a manifest.
#[test]
fn t21_what_an_operator_fills_in_is_judged_by_what_it_may_become() {
    let second = Repo::shop().read("deploy/frontend.yaml");
    let step = |text: &str| format!("    {}", text.trim_end().replace('\n', "\n    "));
    let set = |spec: &str| {
        format!(
            "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata: {{name: x, namespace: flux}}\nspec:\n{spec}\n"
        )
    };
    let template = |text: &str| set(&format!("  resourcesTemplate: |\n{}", step(text)));
    let workflow = |text: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: w}}\nspec:\n  manifest: |\n{}\n",
            step(text)
        )
    };
    let of = |name: &str| {
        set(&format!(
            "  inputs: [{{app: {name}}}]\n  resources:\n  - {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: << inputs.app >>, namespace: shop}}}}"
        ))
    };
    let other = second.replace("name: frontend", "name: other").replace("/frontend", "/other");
    let repo = Repo::shop();
    repo.commit(&[("flux/there.yaml", &*of("cart"))], "what is there");
    repo.run(&super::APPLY);
    let is = |asked: bool, path: &str, text: &str| assert_eq!(asks_frontend(&repo, &[(path, text)]), asked, "{text}");
    is(true, "flux/new.yaml", &template(&second));
    is(true, "flux/new.yaml", &workflow(&second));
    is(true, "flux/new.yaml", &of("any"));
    is(true, "flux/there.yaml", &of("frontend"));
    is(false, "flux/there.yaml", &of("till"));
    is(false, "flux/new.yaml", &template(&other.replace("frontend", "other")));
    // Configuration of a reader's own is no manifest that anybody applies.
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: flux}\ndata:\n  a: |\n";
    is(false, "flux/new.yaml", &format!("{config}{}\n", step(&second)));
}
