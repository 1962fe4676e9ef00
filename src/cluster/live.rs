//! The live API.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bpctl_core::govern::{ApplyPermit, RestartPermit, last_apply};
use bpctl_core::model::{Digest, ObjectKind, ObjectRef, WorkloadKind};
use bpctl_core::observe::{
    Known, LiveObject, ObservedFrom, Pod, RESTART_ANNOTATION, RESTART_MANAGER, TypeSchema, Unknown, UnknownCode,
    WorkloadName,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value as Json;
use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::api::{Api, unquoted};
use super::desired::{apply_body, substance};
use super::list::{self, Item, Listed};
use super::openapi::{self, SchemaFile};
use super::{
    Applied, Cluster, ClusterError, ClusterWrite, FIELD_MANAGER, FoundObjects, Lists, NamespaceListing, RawListing,
    RawObjects, Trial, Wanted, WantedObjects, unknown_lists,
};
use crate::runtime;

/// No namespace has so many pages; a server that says so goes in circles.
const MAX_PAGES: usize = 1000;
/// More than this is not kept of one list of whole objects: ten thousand workloads are a quarter of it.
const MOST_KEPT: usize = 256 << 20;
/// How often a list that expires under way is begun anew (Z10).
const MAX_LISTS: usize = 3;
/// How often a workload is looked at whose status is written just when it is to be restarted.
const MAX_LOOKS: u32 = 3;
/// How long all lists of one look at a cluster may take together: a server that answers each page just in time would hold a run for hours.
const LOOK: Duration = Duration::from_mins(5);
/// Namespaces looked at side by side.
const SIDE_BY_SIDE: usize = 8;

/// Whatever is asked for, by whomever.
const NO_SECRETS: &str = "bpctl neither reads nor writes Secrets";

/// How to get to a cluster.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// The kubeconfig; `None`: what `KUBECONFIG` names, else `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// The context; `None`: the current one.
    pub context: Option<String>,
    /// Use the pod's service account; the others are not looked at.
    pub in_cluster: bool,
    /// Where derived schemas are kept between runs; deleting the folder costs time only.
    pub schema_cache: Option<PathBuf>,
    /// How long all lists of one look may take together; `None`: five minutes.
    pub patience: Option<Duration>,
}

/// A cluster behind its API.
#[derive(Clone)]
pub struct LiveCluster {
    api: Api,
    context: String,
    schema_cache: Option<PathBuf>,
    patience: Duration,
    /// When the look at hand has to be over.
    until: Arc<std::sync::Mutex<Instant>>,
    index: Arc<OnceCell<Json>>,
    shapes: Arc<Mutex<BTreeMap<ObjectKind, Arc<OnceCell<Shape>>>>>,
}

/// How an apply is meant.
#[derive(Clone, Copy)]
enum Patch {
    /// The server says what it would store, and stores nothing.
    DryRun,
    /// A permit says so.
    Permitted,
}

/// What the server says of a kind.
struct Shape {
    schema: TypeSchema,
    plural: Option<String>,
}

impl std::fmt::Debug for LiveCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveCluster").field("context", &self.context).finish_non_exhaustive()
    }
}

impl LiveCluster {
    /// Reads the configuration and prepares a client; nothing is asked yet.
    pub async fn connect(options: ConnectOptions) -> Result<Self, ClusterError> {
        let failed = |attempt: String, source: Box<dyn std::error::Error + Send + Sync>| ClusterError::Config {
            attempt,
            source,
        };
        let (mut config, context) = if options.in_cluster {
            let config = kube::Config::incluster()
                .map_err(|error| failed("use the pod's service account".into(), error.into()))?;
            (config, "in-cluster".to_owned())
        } else {
            let (kubeconfig, file) = match &options.kubeconfig {
                Some(file) => (Kubeconfig::read_from(file), format!("the kubeconfig {}", file.display())),
                None => (Kubeconfig::read(), format!("the kubeconfig {}", default_kubeconfig())),
            };
            // The parser's own message quotes the lines, and a line may hold a token (T38).
            let kubeconfig = kubeconfig.map_err(|error| {
                let place = error.to_string();
                let place: String = place.split_once("line ").map_or_else(String::new, |(_, rest)| {
                    rest.chars().take_while(|c| c.is_ascii_digit() || " column".contains(*c)).collect()
                });
                let why = match error {
                    kube::config::KubeconfigError::ReadConfig(source, _) => source.to_string(),
                    _ if place.is_empty() => "it is no kubeconfig".into(),
                    _ => format!("it is no kubeconfig: see line {}", place.trim()),
                };
                failed(format!("read {file}"), why.into())
            })?;
            let context = options.context.or_else(|| kubeconfig.current_context.clone()).unwrap_or_default();
            let attempt = format!("use context {context} of {file}");
            let names: Vec<&str> = kubeconfig.contexts.iter().map(|known| known.name.as_str()).collect();
            if !names.contains(&context.as_str()) {
                let why = match names.as_slice() {
                    [] => "there is no context in it at all".to_owned(),
                    names => format!("there is no such context; there is: {}", names.join(", ")),
                };
                return Err(failed(attempt, why.into()));
            }
            let choice = KubeConfigOptions { context: Some(context.clone()), cluster: None, user: None };
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &choice).await;
            (config.map_err(|error| failed(attempt, error.into()))?, context)
        };
        let auth = &config.auth_info;
        let from_file = auth.token_file.as_ref().and_then(|file| runtime::read_file(Path::new(file)).ok());
        let from_file = from_file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned().into());
        auth.token.iter().chain(&auth.password).chain(&from_file).for_each(runtime::hold);
        // Retries are ours: reads only, bounded (Z8).
        config.default_retry = false;
        config.connect_timeout = Some(std::time::Duration::from_secs(5));
        let agent = concat!("bpctl/", env!("CARGO_PKG_VERSION"));
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(agent)));
        // What is most often missing is a program that gives out tokens.
        let login = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
        let attempt = match login {
            Some(program) => {
                format!("log in to context {context} by the program {program}, which the kubeconfig names")
            }
            None => format!("prepare a client for context {context}"),
        };
        let client = kube::Client::try_from(config).map_err(|error| match error {
            kube::Error::Auth(source) => failed(attempt, unquoted(source)),
            error => failed(attempt, error.into()),
        })?;
        let patience = options.patience.unwrap_or(LOOK);
        Ok(Self {
            api: Api::new(client),
            context,
            schema_cache: options.schema_cache,
            patience,
            until: Arc::new(std::sync::Mutex::new(Instant::now() + patience)),
            index: Arc::default(),
            shapes: Arc::default(),
        })
    }

    /// Begins another look: from now on its lists have the time that one may take (T42).
    pub fn begin_look(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + self.patience;
    }

    fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The context that `kubectl` would use; nothing is asked.
    pub fn current_context(kubeconfig: Option<&Path>) -> Option<String> {
        let kubeconfig = match kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        };
        kubeconfig.ok()?.current_context.filter(|context| !context.is_empty())
    }

    /// The kubeconfig's context, or `in-cluster`.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The server's version, `1.36`.
    pub async fn version(&self) -> Result<String, ClusterError> {
        #[derive(serde::Deserialize)]
        struct Version {
            major: String,
            minor: String,
        }
        let attempt = format!("read the version of context {}", self.context);
        let body = self.api.get("/version", &attempt).await?;
        let version: Version = parse(&body, &attempt)?;
        // Some providers write `27+`.
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        Ok(format!("{}.{}", digits(&version.major), digits(&version.minor)))
    }

    /// Whether bpctl's account may do this to objects of a kind in a namespace, by the server's own word.
    pub async fn may(&self, verb: &str, kind: &ObjectKind, namespace: &str) -> Result<bool, ClusterError> {
        #[derive(serde::Deserialize)]
        struct Review {
            status: Status,
        }
        #[derive(serde::Deserialize)]
        struct Status {
            allowed: bool,
        }
        let attempt = format!("ask context {} what bpctl may do in namespace {namespace}", self.context);
        let path = self.path_of(kind, namespace).await?;
        let resource = path.rsplit('/').next();
        let about =
            serde_json::json!({ "verb": verb, "group": kind.group(), "resource": resource, "namespace": namespace });
        let version = "authorization.k8s.io/v1";
        let review = serde_json::json!({
            "apiVersion": version, "kind": "SelfSubjectAccessReview", "spec": { "resourceAttributes": about },
        });
        let path = format!("/apis/{version}/selfsubjectaccessreviews");
        let body = self.api.ask(&path, review.to_string().into_bytes(), &attempt).await?;
        Ok(parse::<Review>(&body, &attempt)?.status.allowed)
    }

    /// The namespace as a snapshot records it.
    pub async fn raw_namespace(&self, namespace: &str, kinds: &BTreeSet<WorkloadKind>) -> RawListing {
        // Whoever records waits for it, namespace by namespace.
        self.begin_look();
        self.lists::<Json, Json>(namespace, kinds).await.into()
    }

    async fn lists<W: Item, P: Item>(&self, namespace: &str, kinds: &BTreeSet<WorkloadKind>) -> Lists<W, P> {
        if !list::is_namespace(namespace) {
            let why = "that is no name of a namespace".into();
            let attempt = format!("list a namespace of context {}", self.context);
            return unknown_lists(kinds, &ClusterError::Malformed { attempt, why }.into_unknown());
        }
        // Three kinds at most, each a future of its own; one that nobody asked for is done at once.
        let list = |kind| async move {
            if kinds.contains(&kind) {
                Some((kind, self.list(&Listed::Workloads(kind), namespace).await))
            } else {
                None
            }
        };
        let [one, two, three] = WorkloadKind::ALL;
        let (one, two, three, pods) =
            tokio::join!(list(one), list(two), list(three), self.list(&Listed::Pods, namespace));
        ([one, two, three].into_iter().flatten().collect(), pods)
    }

    /// What the server would store if this were applied: a dry run, for `--exact`. It needs the right to PATCH.
    pub async fn try_apply(
        &self,
        object: &ObjectRef,
        uid: Option<&str>,
        manifest: &Json,
    ) -> Result<LiveObject, ClusterError> {
        let attempt = format!("try {object} in namespace {} of context {}", object.namespace, self.context);
        let path = self.object_path(object).await?;
        self.patch(object, &path, uid, manifest, Patch::DryRun, &attempt).await
    }

    /// Further objects as a snapshot records them.
    pub async fn raw_objects(&self, wanted: &WantedObjects) -> RawObjects {
        self.begin_look();
        self.objects(wanted).await
    }

    async fn objects<T: Item>(&self, wanted: &WantedObjects) -> BTreeMap<(String, ObjectKind), Known<Vec<T>>> {
        let mut waiting = wanted.iter().map(|(place, names)| (place.clone(), Arc::new(names.clone())));
        let mut running = JoinSet::new();
        let mut found = BTreeMap::new();
        loop {
            while running.len() < SIDE_BY_SIDE {
                let Some(((namespace, kind), names)) = waiting.next() else { break };
                let cluster = self.clone();
                running.spawn(async move {
                    let listed = Listed::Objects(Arc::new(kind.clone()), Some(names));
                    (cluster.list::<T>(&listed, &namespace).await, (namespace, kind))
                });
            }
            match running.join_next().await {
                Some(Ok((items, place))) => drop(found.insert(place, items)),
                Some(Err(_)) => {}
                None => break,
            }
        }
        for (namespace, kind) in wanted.keys() {
            // A task that broke down has left no answer.
            found.entry((namespace.clone(), kind.clone())).or_insert_with(|| {
                let attempt =
                    format!("list {} objects in namespace {namespace} of context {}", kind.kind, self.context);
                let why = "bpctl's own reader broke down".into();
                Known::Unknown(ClusterError::Malformed { attempt, why }.into_unknown())
            });
        }
        found
    }

    /// The metrics API's answer for a namespace.
    pub(super) async fn get_moments(&self, namespace: &str, attempt: &str) -> Result<Vec<u8>, ClusterError> {
        self.api.get(&format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"), attempt).await
    }

    async fn list<T: Item>(&self, listed: &Listed, namespace: &str) -> Known<Vec<T>> {
        let attempt = format!("list {} objects in namespace {namespace} of context {}", listed.kind(), self.context);
        let path = match self.list_path(listed, namespace).await {
            Ok(path) => path,
            Err(error) => return Known::Unknown(error.into_unknown()),
        };
        let mut size = listed.page();
        for _ in 0..MAX_LISTS {
            match self.list_once(listed, namespace, (&path, size), &attempt).await {
                Ok(items) => return Known::Known(items),
                Err(ClusterError::Refused { status: 410, .. }) => {}
                Err(ClusterError::Long { .. }) if size > 5 => size /= 10,
                Err(error) => return Known::Unknown(error.into_unknown()),
            }
        }
        let why = format!("it expired while it was read, {MAX_LISTS} times");
        Known::Unknown(ClusterError::Incomplete { attempt, why }.into_unknown())
    }

    async fn list_path(&self, listed: &Listed, namespace: &str) -> Result<String, ClusterError> {
        let kind = match listed {
            Listed::Workloads(kind) => ObjectKind::new(WorkloadKind::API_VERSION, kind.as_str()),
            Listed::Pods => ObjectKind::new("v1", "Pod"),
            Listed::Objects(kind, _) => kind.as_ref().clone(),
        };
        self.path_of(&kind, namespace).await
    }

    /// The address of the kind's objects in a namespace.
    async fn path_of(&self, kind: &ObjectKind, namespace: &str) -> Result<String, ClusterError> {
        let known = match (kind.api_version.as_str(), kind.kind.as_str()) {
            ("v1", "Secret") => return Err(ClusterError::Unsupported(NO_SECRETS.into())),
            (WorkloadKind::API_VERSION, kind) => WorkloadKind::of_kind(kind).map(WorkloadKind::plural),
            ("v1", "Pod") => Some("pods"),
            ("v1", "Service") => Some("services"),
            ("v1", "Event") => Some("events"),
            ("v1", "ConfigMap") => Some("configmaps"),
            ("autoscaling/v1" | "autoscaling/v2", "HorizontalPodAutoscaler") => Some("horizontalpodautoscalers"),
            ("policy/v1", "PodDisruptionBudget") => Some("poddisruptionbudgets"),
            _ => None,
        };
        let plural = match known {
            Some(plural) => plural.to_owned(),
            None => {
                let shape = self.shape(kind).await?;
                let none =
                    || format!("{} ({}) is no kind whose objects lie in namespaces", kind.kind, kind.api_version);
                shape.get().and_then(|shape| shape.plural.clone()).ok_or_else(|| ClusterError::Unsupported(none()))?
            }
        };
        let api = if kind.group().is_empty() { "api" } else { "apis" };
        Ok(format!("/{api}/{}/namespaces/{namespace}/{plural}", kind.api_version))
    }

    async fn list_once<T: Item>(
        &self,
        listed: &Listed,
        namespace: &str,
        (path, size): (&str, usize),
        attempt: &str,
    ) -> Result<Vec<T>, ClusterError> {
        let malformed = |why: String| ClusterError::Malformed { attempt: attempt.into(), why };
        let first = format!("{path}?limit={size}{}", listed.selector());
        let mut path = first.clone();
        let (mut version, mut kept) = (None, 0);
        let until = self.until();
        // A page is decoded while the next one is on its way, and no more of them wait than that: memory has a bound (T42).
        let mut pages = VecDeque::new();
        let mut items = Vec::new();
        for number in 1.. {
            let page = tokio::time::timeout_at(until, self.api.get(&path, attempt)).await.map_err(|_| {
                let came = match number {
                    1 => "no page of it".to_owned(),
                    2 => "one page of it".to_owned(),
                    number => format!("{} pages of it", number - 1),
                };
                let patience = self.patience.as_secs();
                let why = format!("{came} had come when the {patience} s were over that a look at a cluster may take");
                ClusterError::Incomplete { attempt: attempt.into(), why }
            })??;
            // What is kept whole is bounded as a whole.
            kept += if listed.is_thinned() { 0 } else { page.len() };
            if kept > MOST_KEPT {
                let why = format!("it is longer than {} MiB", MOST_KEPT >> 20);
                return Err(ClusterError::Incomplete { attempt: attempt.into(), why });
            }
            let head = list::head(&page).map_err(malformed)?;
            if *version.get_or_insert_with(|| head.resource_version.clone()) != head.resource_version {
                let why = "its pages are not of one version".into();
                return Err(ClusterError::Incomplete { attempt: attempt.into(), why });
            }
            let (listed, namespace) = (listed.clone(), namespace.to_owned());
            pages.push_back(tokio::task::spawn_blocking(move || list::items(&page, &listed, &namespace)));
            if pages.len() > 1
                && let Some(page) = pages.pop_front()
            {
                items.append(&mut page.await.map_err(|error| malformed(error.to_string()))?.map_err(malformed)?);
            }
            let incomplete = |why: String| ClusterError::Incomplete { attempt: attempt.into(), why };
            let Some(token) = head.next().map_err(incomplete)? else { break };
            if number >= MAX_PAGES {
                return Err(incomplete(format!("it has more than {MAX_PAGES} pages")));
            }
            let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
            path = format!("{first}&continue={token}");
        }
        for page in pages {
            items.append(&mut page.await.map_err(|error| malformed(error.to_string()))?.map_err(malformed)?);
        }
        Ok(items)
    }

    /// What the server says of a kind, asked once.
    async fn shape(&self, kind: &ObjectKind) -> Result<Arc<OnceCell<Shape>>, ClusterError> {
        let cell = Arc::clone(self.shapes.lock().await.entry(kind.clone()).or_default());
        cell.get_or_try_init(|| self.read_shape(kind)).await?;
        Ok(cell)
    }

    async fn read_shape(&self, of: &ObjectKind) -> Result<Shape, ClusterError> {
        let ObjectKind { api_version, kind } = of;
        let attempt = format!("read the types of {kind} ({api_version}) of context {}", self.context);
        let index =
            self.index.get_or_try_init(|| async { parse(&self.api.get("/openapi/v3", &attempt).await?, &attempt) });
        let unsupported =
            || ClusterError::Unsupported(format!("couldn't {attempt}: the API server does not describe it"));
        let path = openapi::document_path(index.await?, api_version).ok_or_else(unsupported)?;
        // The path holds the hash of the document, so that a cached schema is never older than the server's.
        let cached = self.schema_cache.as_ref().filter(|_| path.contains("?hash=")).map(|folder| {
            let name = Digest::of_bytes(format!("3 {path} {api_version} {kind}").as_bytes());
            (folder.clone(), folder.join(format!("{name}.json")))
        });
        if let Some(shape) = cached.as_ref().and_then(|(_, file)| read_cached(file)) {
            return Ok(shape);
        }
        let document = self.api.get(&path, &attempt).await?;
        let (group, version) = openapi::split(api_version);
        let document: Json = parse(&document, &attempt)?;
        let schema = openapi::derive(&document, group, version, kind).ok_or_else(unsupported)?;
        let shape = Shape { schema, plural: openapi::plural(&document, group, version, kind) };
        if let Some((folder, file)) = cached {
            // A cache that cannot be written costs time only.
            let _ = write_cached(&folder, &file, &shape);
        }
        Ok(shape)
    }

    /// The live object; `None`: there is none.
    async fn get(&self, object: &ObjectRef, path: &str, attempt: &str) -> Result<Option<LiveObject>, ClusterError> {
        match self.api.get(path, attempt).await {
            Ok(body) => live_object(object, &body, attempt).map(Some),
            Err(ClusterError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn patch(
        &self,
        object: &ObjectRef,
        path: &str,
        uid: Option<&str>,
        manifest: &Json,
        patch: Patch,
        attempt: &str,
    ) -> Result<LiveObject, ClusterError> {
        let body = apply_body(object, uid, manifest, attempt)?;
        // Fields are taken over only from the object that was judged: where there was none, whoever made one meanwhile keeps
        // what is theirs and the server answers a conflict.
        let force = uid.is_some();
        let dry_run = match patch {
            Patch::DryRun => "&dryRun=All",
            Patch::Permitted => "",
        };
        let path = format!("{path}?fieldManager={FIELD_MANAGER}&force={force}&fieldValidation=Strict{dry_run}");
        let answer = self.api.apply(&path, body, attempt).await?;
        live_object(object, &answer, attempt)
    }

    async fn object_path(&self, object: &ObjectRef) -> Result<String, ClusterError> {
        addressable(object)?;
        let place = self.path_of(&appliable(object)?, &object.namespace).await?;
        Ok(format!("{place}/{}", object.name))
    }

    /// What a permit carries out; not visible outside this folder, so that nothing is applied without one.
    pub(super) async fn apply_object(
        &self,
        object: &ObjectRef,
        uid: Option<&str>,
        manifest: &Json,
        dry_run: bool,
    ) -> Result<Applied, ClusterError> {
        let attempt = format!("apply {object} in namespace {} of context {}", object.namespace, self.context);
        let path = self.object_path(object).await?;
        let before = self.get(object, &path, &attempt).await?;
        same_object(uid, before.as_ref().map(|live| live.uid.as_str()), &attempt)?;
        let patch = if dry_run { Patch::DryRun } else { Patch::Permitted };
        let after = self.patch(object, &path, uid, manifest, patch, &attempt).await?;
        same_object(uid.or(Some(&after.uid)), Some(&after.uid), &attempt)?;
        let changed = before.is_none_or(|before| substance(&before.body) != substance(&after.body));
        Ok(applied(after, changed))
    }

    /// What a restart permit carries out. The write holds the version that was just read, so that nothing changed between looking and
    /// writing; a status that was written meanwhile is looked at again, which repeats no write that was taken.
    pub(super) async fn restart_object(
        &self,
        object: &ObjectRef,
        uid: &str,
        generation: i64,
        request: &str,
    ) -> Result<Applied, ClusterError> {
        let attempt = format!("restart {object} in namespace {} of context {}", object.namespace, self.context);
        let path = self.object_path(object).await?;
        let mut tries = 0;
        loop {
            tries += 1;
            let live = self.get(object, &path, &attempt).await?;
            let live =
                live.ok_or_else(|| ClusterError::Replaced { attempt: attempt.clone(), why: "it is gone".into() })?;
            if may_restart(&live, uid, generation, request, &attempt)? {
                return Ok(applied(live, false));
            }
            let body = serde_json::json!({"apiVersion": object.api_version, "kind": object.kind,
                "metadata": {"name": object.name, "namespace": object.namespace, "uid": uid, "resourceVersion": live.resource_version},
                "spec": {"template": {"metadata": {"annotations": {RESTART_ANNOTATION: request}}}}});
            let path = format!("{path}?fieldManager={RESTART_MANAGER}&force=false&fieldValidation=Strict");
            match self.api.apply(&path, body.to_string().into_bytes(), &attempt).await {
                Ok(answer) => return Ok(applied(live_object(object, &answer, &attempt)?, true)),
                Err(ClusterError::Conflict { .. }) if tries < MAX_LOOKS => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[async_trait]
impl Cluster for LiveCluster {
    async fn origin(&self) -> Result<ObservedFrom, ClusterError> {
        Ok(ObservedFrom::Live { context: self.context.clone(), version: self.version().await? })
    }

    async fn list_namespace(&self, namespace: &str, kinds: &BTreeSet<WorkloadKind>) -> NamespaceListing {
        self.lists::<LiveObject, (WorkloadName, Pod)>(namespace, kinds).await.into()
    }

    async fn list_namespaces(&self, wanted: &Wanted) -> BTreeMap<String, NamespaceListing> {
        let mut waiting = wanted.iter().map(|(namespace, kinds)| (namespace.clone(), kinds.clone()));
        let mut running = JoinSet::new();
        let mut listings = BTreeMap::new();
        loop {
            while running.len() < SIDE_BY_SIDE {
                let Some((namespace, kinds)) = waiting.next() else { break };
                let cluster = self.clone();
                running.spawn(async move { (cluster.list_namespace(&namespace, &kinds).await, namespace) });
            }
            match running.join_next().await {
                Some(Ok((listing, namespace))) => drop(listings.insert(namespace, listing)),
                Some(Err(_)) => {}
                None => break,
            }
        }
        for (namespace, kinds) in wanted {
            // A task that broke down has left no answer.
            listings.entry(namespace.clone()).or_insert_with(|| {
                let attempt = format!("list namespace {namespace} of context {}", self.context);
                let why = "bpctl's own reader broke down".into();
                let broken = ClusterError::Malformed { attempt, why }.into_unknown();
                unknown_lists::<LiveObject, (WorkloadName, Pod)>(kinds, &broken).into()
            });
        }
        listings
    }

    async fn list_objects(&self, wanted: &WantedObjects) -> FoundObjects {
        let mut found = FoundObjects::new();
        for (place, known) in self.objects::<LiveObject>(wanted).await {
            let names = wanted.get(&place).cloned().unwrap_or_default();
            // A server's own list has all of each object.
            let known = known.map(|items| list::wanted(&names, items).unwrap_or_default());
            found.insert(place, known);
        }
        found
    }

    async fn warnings(&self, namespace: &str) -> Known<Vec<Json>> {
        self.list(&Listed::warnings(), namespace).await
    }

    async fn dry_run(&self, trials: Vec<Trial>) -> BTreeMap<ObjectRef, Known<LiveObject>> {
        let mut answers = BTreeMap::new();
        let mut waiting = trials.into_iter();
        let mut running = JoinSet::new();
        loop {
            while running.len() < SIDE_BY_SIDE {
                let Some(Trial { object, uid, manifest }) = waiting.next() else { break };
                let cluster = self.clone();
                // A task that breaks down leaves no answer, and so nothing exact.
                let unanswered = Known::unknown(UnknownCode::NotObserved, "bpctl's own dry run broke down");
                answers.insert(object.clone(), unanswered);
                running.spawn(async move {
                    let answer = cluster.try_apply(&object, uid.as_deref(), &manifest).await;
                    (object, answer.map_or_else(|error| Known::Unknown(error.into_unknown()), Known::Known))
                });
            }
            match running.join_next().await {
                Some(Ok((object, answer))) => drop(answers.insert(object, answer)),
                Some(Err(_)) => {}
                None => return answers,
            }
        }
    }

    async fn type_schema(&self, api_version: &str, kind: &str) -> Known<TypeSchema> {
        let known = |cell: Arc<OnceCell<Shape>>| cell.get().map(|shape| shape.schema.clone());
        let asked = tokio::time::timeout_at(self.until(), self.shape(&ObjectKind::new(api_version, kind))).await;
        let over = |_| {
            let attempt = format!("read the types of {kind} ({api_version}) of context {}", self.context);
            Err(ClusterError::Slow { attempt, seconds: self.patience.as_secs() })
        };
        match asked.unwrap_or_else(over).map(known) {
            Ok(Some(schema)) => Known::Known(schema),
            Ok(None) => Known::unknown(UnknownCode::NotObserved, "nobody asked for its types"),
            Err(error) => Known::Unknown(Unknown::from(error)),
        }
    }
}

#[async_trait]
impl ClusterWrite for LiveCluster {
    async fn apply(&self, permit: ApplyPermit, dry_run: bool) -> Result<Applied, ClusterError> {
        self.apply_object(permit.object(), permit.uid(), permit.manifest(), dry_run).await
    }

    async fn restart(&self, permit: RestartPermit) -> Result<Applied, ClusterError> {
        self.restart_object(permit.object(), permit.uid(), permit.generation(), permit.request()).await
    }
}

/// The annotation that this generation of the object may get, and whether it has it already (T44).
pub(super) fn may_restart(
    live: &LiveObject,
    uid: &str,
    generation: i64,
    request: &str,
    attempt: &str,
) -> Result<bool, ClusterError> {
    same_object(Some(uid), Some(&live.uid), attempt)?;
    let annotations = live.body.pointer("/spec/template/metadata/annotations");
    if annotations.and_then(|all| all.get(RESTART_ANNOTATION)).and_then(Json::as_str) == Some(request) {
        return Ok(true);
    }
    let now = live.body.pointer("/metadata/generation").and_then(Json::as_i64);
    if now != Some(generation) {
        let why = "it was changed after it was judged".into();
        return Err(ClusterError::Replaced { attempt: attempt.into(), why });
    }
    Ok(false)
}

/// Where a kubeconfig is looked for that nobody named, for messages.
fn default_kubeconfig() -> String {
    let home = || runtime::variable("HOME").map(|home| format!("{home}/.kube/config"));
    runtime::variable("KUBECONFIG").or_else(home).unwrap_or_else(|| "~/.kube/config".into())
}

fn applied(after: LiveObject, changed: bool) -> Applied {
    Applied {
        generation: after.body.pointer("/metadata/generation").and_then(Json::as_i64).unwrap_or(0),
        applied_at: last_apply(&after.body),
        uid: after.uid,
        resource_version: after.resource_version,
        changed,
    }
}

/// The object that was judged is the one that is there (T44).
pub(super) fn same_object(judged: Option<&str>, found: Option<&str>, attempt: &str) -> Result<(), ClusterError> {
    let why = match (judged, found) {
        (judged, found) if judged == found => return Ok(()),
        (None, _) => "it did not exist when this was judged, and does now",
        (_, None) => "it is gone",
        _ => "another object has its name now",
    };
    Err(ClusterError::Replaced { attempt: attempt.into(), why: why.into() })
}

/// The kind of an object, where it is one that bpctl may apply: it can be no Secret, whatever a permit says.
pub(super) fn appliable(object: &ObjectRef) -> Result<ObjectKind, ClusterError> {
    let kind = ObjectKind::of(object);
    if kind.kind == "Secret" && kind.group().is_empty() {
        return Err(ClusterError::Unsupported(NO_SECRETS.into()));
    }
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/');
    if !kind.api_version.chars().all(good) || !kind.kind.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(ClusterError::Unsupported(format!("{object} is of no kind that Kubernetes has")));
    }
    Ok(kind)
}

/// Whether an object's name and namespace can be part of an address.
fn addressable(object: &ObjectRef) -> Result<(), ClusterError> {
    let name_is_good = !object.name.is_empty()
        && object.name.len() <= 253
        && object.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && object.name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !name_is_good || !list::is_namespace(&object.namespace) {
        return Err(ClusterError::Unsupported(format!("{object} has no name that Kubernetes takes")));
    }
    Ok(())
}

fn live_object(object: &ObjectRef, body: &[u8], attempt: &str) -> Result<LiveObject, ClusterError> {
    let body: Json = parse(body, attempt)?;
    let live = LiveObject::from_json(&object.api_version, &object.kind, body);
    live.filter(|live| live.reference == *object && !live.uid.is_empty())
        .ok_or_else(|| ClusterError::Malformed { attempt: attempt.into(), why: "the answer is another object".into() })
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(body: &[u8], attempt: &str) -> Result<T, ClusterError> {
    serde_json::from_slice(body).map_err(|error| ClusterError::Malformed {
        attempt: attempt.into(),
        why: format!("the answer is no JSON: {}", runtime::without_credentials(&error.to_string())),
    })
}

fn read_cached(file: &Path) -> Option<Shape> {
    let file: SchemaFile = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    (file.schema_version == 1).then_some(Shape { schema: file.schema, plural: file.plural })
}

fn write_cached(folder: &Path, file: &Path, shape: &Shape) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (schema, plural) = (shape.schema.clone(), shape.plural.clone());
    let text = serde_json::to_vec(&SchemaFile { schema_version: 1, schema, plural })?;
    super::record::write_whole(file, &text)
}

impl From<ClusterError> for Unknown {
    fn from(error: ClusterError) -> Self {
        error.into_unknown()
    }
}
