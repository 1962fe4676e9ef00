"""The kinds of mutation: each changes a live workload in one way, and says what a plan has to say about it.

A kind is a function of a declared workload that yields mutations, none where it does not apply. The declared workload is the manifest as JSON.
Paths are lists of keys and indexes into it; indexes of a live list are the same, since servers and controllers add at the end.
"""
from dataclasses import dataclass, field

POD = ["spec", "template", "spec"]


@dataclass
class Mutation:
    """Operations of a JSON patch, or arguments of kubectl; and the declared fields that differ afterwards (none: the plan stays empty)."""
    patch: list = field(default_factory=list)
    expected: list = field(default_factory=list)
    kubectl: list = None
    live: object = None  # what the cluster has then in the one field that differs
    gone: bool = False  # the object itself is
    instead: list = field(default_factory=list)  # what the cluster has in a declared field's place: told beside that, where an apply takes it away
    autoscaled: int = None  # before that, an autoscaler brings the workload to so many replicas; not drift


KINDS = {}


def kind(function):
    KINDS[function.__name__.replace("_", " ")] = function
    return function


def get(obj, path):
    for step in path:
        try:
            obj = obj[step]
        except (KeyError, IndexError, TypeError):
            return None
    return obj


def pointer(path):
    return "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in path)


def replaced(path, value):
    return Mutation([{"op": "replace", "path": pointer(path), "value": value}], [path], live=value)


def removed(path):
    return Mutation([{"op": "remove", "path": pointer(path)}], [path])


def added(path, value):
    """Adds what nobody declares."""
    return Mutation([{"op": "add", "path": pointer(path), "value": value}])


def pods(obj, path):
    """A path in the pod's spec, where it is declared."""
    if get(obj, POD + path) is not None:
        yield POD + path


def containers(obj, path=(), lists=("containers", "initContainers")):
    """A path in each container that declares it."""
    for name in lists:
        for index, _ in enumerate(get(obj, POD + [name]) or []):
            if get(obj, POD + [name, index, *path]) is not None:
                yield POD + [name, index, *path]


def environment(obj, key):
    """Each environment variable with this key whose name is not given twice."""
    for path in containers(obj, ["env"]):
        names = [item.get("name") for item in get(obj, path)]
        for index, item in enumerate(get(obj, path)):
            if key in item and names.count(item["name"]) == 1:
                yield path + [index, key]


# --- the workload -------------------------------------------------------------------------------

@kind
def replicas(obj):
    if get(obj, ["spec", "replicas"]) is not None:
        yield replaced(["spec", "replicas"], obj["spec"]["replicas"] + 1)


@kind
def replicas_by_kubectl_scale(obj):
    if get(obj, ["spec", "replicas"]) is not None:
        count = obj["spec"]["replicas"] + 2
        yield Mutation(kubectl=["scale", f"--replicas={count}"], expected=[["spec", "replicas"]], live=count)


@kind
def replicas_undeclared(obj):
    if get(obj, ["spec", "replicas"]) is None and obj["kind"] != "DaemonSet":
        yield Mutation(kubectl=["scale", "--replicas=3"])


@kind
def label_changed(obj):
    for key in get(obj, ["metadata", "labels"]) or {}:
        yield replaced(["metadata", "labels", key], "mutated")


@kind
def label_removed(obj):
    for key in get(obj, ["metadata", "labels"]) or {}:
        yield removed(["metadata", "labels", key])


@kind
def label_added(obj):
    if get(obj, ["metadata", "labels"]):
        yield added(["metadata", "labels", "mutated"], "yes")


@kind
def annotation_changed(obj):
    for key in get(obj, ["metadata", "annotations"]) or {}:
        yield replaced(["metadata", "annotations", key], "mutated")


@kind
def annotation_added(obj):
    yield Mutation(kubectl=["annotate", "mutated.example/by=someone"])


@kind
def rollout_restart(obj):
    yield Mutation(kubectl=["rollout", "restart"])


@kind
def strategy(obj):
    name = "strategy" if obj["kind"] == "Deployment" else "updateStrategy"
    path = ["spec", name]
    declared = get(obj, path)
    if not declared or "type" not in declared:
        return
    other = {"Deployment": "Recreate", "StatefulSet": "OnDelete", "DaemonSet": "OnDelete"}[obj["kind"]]
    if declared["type"] == other:
        other = "RollingUpdate"
    expected = [path + [key] for key in declared]  # rollingUpdate goes with its type
    yield Mutation([{"op": "replace", "path": pointer(path), "value": {"type": other}}], expected)


@kind
def strategy_parameter(obj):
    for name in ("strategy", "updateStrategy"):
        path = ["spec", name, "rollingUpdate"]
        for key in get(obj, path) or {}:
            yield replaced(path + [key], 7 if key == "partition" else "33%")


@kind
def minReadySeconds(obj):
    path = ["spec", "minReadySeconds"]
    yield replaced(path, get(obj, path) + 3) if get(obj, path) else added(path, 3)


@kind
def revisionHistoryLimit(obj):
    path = ["spec", "revisionHistoryLimit"]
    yield replaced(path, get(obj, path) + 4) if get(obj, path) is not None else added(path, 4)


@kind
def workload_deleted(obj):
    yield Mutation(kubectl=["delete", "--wait=true"], gone=True)


# --- the pod template ---------------------------------------------------------------------------

@kind
def template_label_changed(obj):
    path = ["spec", "template", "metadata", "labels"]
    selector = obj["spec"].get("selector") or {}
    if selector.get("matchExpressions"):
        return
    for key in get(obj, path) or {}:
        if key not in (selector.get("matchLabels") or {}):
            yield replaced(path + [key], "mutated")


@kind
def template_label_added(obj):
    if get(obj, ["spec", "template", "metadata", "labels"]):
        yield added(["spec", "template", "metadata", "labels", "mutated"], "yes")


@kind
def template_annotation_changed(obj):
    path = ["spec", "template", "metadata", "annotations"]
    for key in get(obj, path) or {}:
        if not key.startswith("container.apparmor"):
            yield replaced(path + [key], "mutated")


@kind
def template_annotation_removed(obj):
    path = ["spec", "template", "metadata", "annotations"]
    for key in get(obj, path) or {}:
        if not key.startswith("container.apparmor"):
            yield removed(path + [key])


@kind
def serviceAccountName(obj):
    for path in pods(obj, ["serviceAccountName"]):
        mutation = replaced(path, "mutated")
        if get(obj, POD + ["serviceAccount"]):  # one field under its two names
            mutation.expected.append(POD + ["serviceAccount"])
            mutation.patch.append({"op": "replace", "path": pointer(POD + ["serviceAccount"]), "value": "mutated"})
        yield mutation


@kind
def serviceAccountName_undeclared(obj):
    if not get(obj, POD + ["serviceAccountName"]) and not get(obj, POD + ["serviceAccount"]):
        yield added(POD + ["serviceAccountName"], "mutated")


@kind
def terminationGracePeriodSeconds(obj):
    path = POD + ["terminationGracePeriodSeconds"]
    yield replaced(path, get(obj, path) + 77) if get(obj, path) is not None else added(path, 77)


@kind
def pod_securityContext(obj):
    for path in pods(obj, ["securityContext"]):
        for key, value in get(obj, path).items():
            if isinstance(value, bool):
                yield replaced(path + [key], not value)
            elif isinstance(value, int):
                yield replaced(path + [key], value + 1)


@kind
def nodeSelector_changed(obj):
    for path in pods(obj, ["nodeSelector"]):
        for key in get(obj, path):
            yield replaced(path + [key], "mutated")


@kind
def nodeSelector_removed(obj):
    for path in pods(obj, ["nodeSelector"]):
        yield removed(path)


@kind
def nodeSelector_added_to(obj):
    """nodeSelector is replaced as a whole: what somebody adds to a declared one is a difference."""
    for path in pods(obj, ["nodeSelector"]):
        yield Mutation(added(path + ["mutated"], "yes").patch, [path])


@kind
def nodeSelector_undeclared(obj):
    path = POD + ["nodeSelector"]
    if not get(obj, path):
        yield Mutation(added(path, {"kubernetes.io/os": "linux"}).patch, [] if get(obj, path) is None else [path])  # declared empty is declared


TOLERATION = {"key": "mutated", "operator": "Exists", "effect": "NoSchedule"}


@kind
def toleration_added(obj):
    """A list without merge keys: what somebody adds to a declared one is a difference."""
    path = POD + ["tolerations"]
    if get(obj, path) is not None:
        yield Mutation(added(path + ["-"], TOLERATION).patch if get(obj, path) else added(path, [TOLERATION]).patch, [path])
    else:
        yield added(path, [TOLERATION])


@kind
def tolerations_removed(obj):
    for path in pods(obj, ["tolerations"]):
        yield removed(path)


@kind
def affinity_removed(obj):
    for path in pods(obj, ["affinity"]):
        yield removed(path)


@kind
def host_namespaces(obj):
    for name in ("hostNetwork", "hostPID"):
        path = POD + [name]
        if get(obj, path):
            yield replaced(path, False)
        elif name == "hostPID":
            yield added(path, True)


@kind
def pod_scalar(obj):
    values = {"dnsPolicy": "Default", "priorityClassName": "system-node-critical", "automountServiceAccountToken": None,
              "enableServiceLinks": None, "shareProcessNamespace": None, "schedulerName": "mutated"}
    for name, other in values.items():
        for path in pods(obj, [name]):
            yield replaced(path, not get(obj, path) if other is None else other)


# --- containers ---------------------------------------------------------------------------------

@kind
def image(obj):
    for path in containers(obj, ["image"]):
        yield replaced(path, "mutated.example/image:1")


@kind
def image_by_kubectl_set(obj):
    for path in containers(obj, ["image"], ["containers"]):
        name = get(obj, path[:-1])["name"]
        yield Mutation(kubectl=["set", "image", f"{name}=mutated.example/image:2"], expected=[path], live="mutated.example/image:2")


@kind
def image_beside_an_autoscaler(obj):
    count = get(obj, ["spec", "replicas"])
    if count:
        for path in containers(obj, ["image"], ["containers"]):
            mutation = replaced(path, "mutated.example/image:3")
            mutation.autoscaled = count + 1
            yield mutation


@kind
def imagePullPolicy(obj):
    for path in containers(obj, ["imagePullPolicy"]):
        yield replaced(path, "Never")


@kind
def command_changed(obj):
    for path in containers(obj, ["command"]):
        yield Mutation([{"op": "replace", "path": pointer(path + [0]), "value": "/mutated"}], [path])


@kind
def args_changed(obj):
    for path in containers(obj, ["args"]):
        yield Mutation([{"op": "replace", "path": pointer(path + [len(get(obj, path)) - 1]), "value": "--mutated"}], [path])


@kind
def args_added_to(obj):
    for path in containers(obj, ["args"]):
        yield Mutation(added(path + ["-"], "--mutated").patch, [path])


@kind
def args_undeclared(obj):
    for path in containers(obj):
        if get(obj, path + ["args"]) is None:
            yield added(path + ["args"], ["--mutated"])


@kind
def env_value_changed(obj):
    for path in environment(obj, "value"):
        yield replaced(path, "mutated")


@kind
def env_removed(obj):
    for path in environment(obj, "name"):
        yield removed(path[:-1])


@kind
def env_added(obj):
    for path in containers(obj):
        if get(obj, path + ["env"]):
            yield added(path + ["env", "-"], {"name": "MUTATED", "value": "yes"})
        else:
            yield added(path + ["env"], [{"name": "MUTATED", "value": "yes"}])


@kind
def env_order(obj):
    """Variables match by name; without references among them their order says nothing."""
    for path in containers(obj, ["env"]):
        items = get(obj, path)
        names = [item["name"] for item in items]
        if len(items) > 1 and len(set(names)) == len(names) and "$(" not in str(items):
            yield Mutation([{"op": "move", "from": pointer(path + [0]), "path": pointer(path + [len(items) - 1])}])


@kind
def env_from_elsewhere(obj):
    """A value becomes a reference."""
    for path in environment(obj, "value"):
        if get(obj, path):
            item = {"name": get(obj, path[:-1])["name"], "valueFrom": {"configMapKeyRef": {"name": "mutated", "key": "k"}}}
            yield Mutation([{"op": "replace", "path": pointer(path[:-1]), "value": item}], [path])


@kind
def env_reference_changed(obj):
    for path in environment(obj, "valueFrom"):
        for name, key in (("secretKeyRef", "key"), ("configMapKeyRef", "key"), ("fieldRef", "fieldPath")):
            if get(obj, path + [name, key]):
                yield replaced(path + [name, key], "metadata.uid" if name == "fieldRef" else "mutated")


@kind
def envFrom_changed(obj):
    for path in containers(obj, ["envFrom"]):
        for name in ("configMapRef", "secretRef"):
            if get(obj, path + [0, name, "name"]):
                yield replaced(path + [0, name, "name"], "mutated")


@kind
def cpu_request(obj):
    for path in containers(obj, ["resources", "requests", "cpu"]):
        yield replaced(path, "7m")


@kind
def memory_limit(obj):
    for path in containers(obj, ["resources", "limits", "memory"]):
        yield replaced(path, "9999Mi")


@kind
def request_removed(obj):
    """The server fills in a request from the limit, if there is one."""
    for path in containers(obj, ["resources", "requests"]):
        for name, value in get(obj, path).items():
            if get(obj, path[:-1] + ["limits", name]) not in (value,):
                yield removed(path + [name])


@kind
def resources_removed(obj):
    for path in containers(obj, ["resources"]):
        if get(obj, path):
            yield removed(path)


@kind
def resources_spelled_otherwise(obj):
    """The same amounts in another spelling; the server keeps what it is given."""
    for path in containers(obj, ["resources", "requests", "cpu"]):
        text = str(get(obj, path))
        if text.endswith("m") and text[:-1].isdigit():
            mutation = replaced(path, f"{int(text[:-1]) / 1000:g}")
            mutation.expected, mutation.live = [], None
            yield mutation


PROBES = ("readinessProbe", "livenessProbe", "startupProbe")


@kind
def probe_period(obj):
    for probe in PROBES:
        for name in ("periodSeconds", "timeoutSeconds", "initialDelaySeconds", "failureThreshold"):
            for path in containers(obj, [probe, name]):
                yield replaced(path, get(obj, path) + 21)


@kind
def probe_removed(obj):
    for probe in PROBES:
        for path in containers(obj, [probe]):
            yield removed(path)


@kind
def probe_address(obj):
    for probe in PROBES:
        for path in containers(obj, [probe, "httpGet", "path"]):
            yield replaced(path, "/mutated")
        for path in containers(obj, [probe, "tcpSocket", "port"]):
            yield replaced(path, 7777)
        for path in containers(obj, [probe, "exec", "command"]):
            yield Mutation(added(path + ["-"], "mutated").patch, [path])


@kind
def probe_undeclared(obj):
    for path in containers(obj, lists=["containers"]):
        if get(obj, path + ["readinessProbe"]) is None:
            yield added(path + ["readinessProbe"], {"exec": {"command": ["mutated"]}})


@kind
def container_port(obj):
    """Ports match by number and protocol: with another number the declared one is missing."""
    for path in containers(obj, ["ports"], ["containers"]):
        for index, _ in enumerate(get(obj, path)):
            if not get(obj, POD + ["hostNetwork"]) and not get(obj, path + [index, "hostPort"]):
                yield Mutation([{"op": "replace", "path": pointer(path + [index, "containerPort"]), "value": 7777}], [path + [index]])


@kind
def port_name(obj):
    for path in containers(obj, ["ports"]):
        for index, item in enumerate(get(obj, path)):
            if "name" in item:
                yield replaced(path + [index, "name"], "mutated")


@kind
def port_added(obj):
    for path in containers(obj, ["ports"], ["containers"]):
        yield added(path + ["-"], {"name": "mutated", "containerPort": 7778, "protocol": "UDP"})


@kind
def container_securityContext(obj):
    for path in containers(obj, ["securityContext"]):
        for key, value in get(obj, path).items():
            if key in ("runAsNonRoot", "readOnlyRootFilesystem"):
                yield replaced(path + [key], not value)
            elif key in ("runAsUser", "runAsGroup"):
                yield replaced(path + [key], value + 1)


@kind
def container_securityContext_removed(obj):
    for path in containers(obj, ["securityContext"]):
        if get(obj, path):
            yield removed(path)


@kind
def volume_mount_path(obj):
    """Mounts match by path: with another one the declared one is missing."""
    for path in containers(obj, ["volumeMounts"]):
        for index, _ in enumerate(get(obj, path)):
            yield Mutation([{"op": "replace", "path": pointer(path + [index, "mountPath"]), "value": "/mutated"}], [path + [index]])


@kind
def volume_mount_read_only(obj):
    for path in containers(obj, ["volumeMounts"]):
        for index, item in enumerate(get(obj, path)):
            if item.get("readOnly"):
                yield replaced(path + [index, "readOnly"], False)
            elif "readOnly" not in item:
                yield added(path + [index, "readOnly"], True)


@kind
def volume_source(obj):
    for path in pods(obj, ["volumes"]):
        for index, item in enumerate(get(obj, path)):
            for source, key in (("configMap", "name"), ("secret", "secretName"), ("hostPath", "path"), ("persistentVolumeClaim", "claimName")):
                if get(item, [source, key]):
                    yield replaced(path + [index, source, key], "/mutated" if source == "hostPath" else "mutated")
            if "emptyDir" in item:
                other = {"name": item["name"], "configMap": {"name": "mutated"}}
                yield Mutation([{"op": "replace", "path": pointer(path + [index]), "value": other}], [path + [index, "emptyDir"]], instead=[path + [index, "configMap"]])


@kind
def volume_added(obj):
    path = POD + ["volumes"]
    item = {"name": "mutated", "emptyDir": {}}
    yield added(path + ["-"], item) if get(obj, path) else added(path, [item])


@kind
def lifecycle_removed(obj):
    for path in containers(obj, ["lifecycle"]):
        yield removed(path)


@kind
def sidecar_added(obj):
    yield added(POD + ["containers", "-"], {"name": "mutated", "image": "mutated.example/sidecar:1"})


@kind
def container_renamed(obj):
    for path in containers(obj, ["name"]):
        yield Mutation([{"op": "replace", "path": pointer(path), "value": "mutated"}], [path[:-1]])


@kind
def container_removed(obj):
    for path in containers(obj):
        if "initContainers" in path or len(get(obj, path[:-1])) > 1:
            yield removed(path)
