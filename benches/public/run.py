#!/usr/bin/env python3
"""run.py [options] MIRRORS: bpctl on public repositories: init, lint, apply what they declare to a cluster, plan, then mutate live objects one at a time.

MIRRORS is a folder with a clone of each, named OWNER+NAME, with or without a work tree. Needs git, kubectl, helm, and a KUBECONFIG whose cluster may be
filled and emptied, such as the lab's (tests/lab). BPCTL names the binary. Ends with 1 when something is not as it has to be.

For each repository of repositories.json: a copy of its own, committed as a Git repository with the local forge; `bpctl init`; `bpctl lint` has to find
no error; the declared objects are applied; `bpctl plan` has to find no difference. Then each kind of mutation (mutations.py) that applies to a workload
is made: `bpctl plan` has to name the very fields and their lines in the manifest (read by lines.py), and nothing else; the object is put back.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
import lines  # noqa: E402
import mutations  # noqa: E402
import rendered  # noqa: E402

HERE = Path(__file__).resolve().parent
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
# What would change objects on their way in, or needs what is not installed.
NOT_APPLIED = re.compile(r"^kind: *[\"']?(CustomResourceDefinition|APIService|\w*WebhookConfiguration|ValidatingAdmissionPolicy\w*|Job|CronJob)\b", re.M)
IDENTITY = ["-c", "user.name=public", "-c", "user.email=public@example.org", "-c", "gc.auto=0"]


def run(*command, text=None, check=True, **options):
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, **options)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))[:200]}: {done.stderr.strip()[:2000]}")
    return done


def checkout(mirror, commit, folder, paths):
    """The files of a commit, below some paths or all, without those whose contents the clone does not have."""
    git = ["git", "-C", str(mirror)]
    tree = subprocess.run([*git, "ls-tree", "-rz", commit, "--", *paths], capture_output=True, check=True).stdout
    entries = [entry.partition(b"\t") for entry in tree.split(b"\0") if entry]
    files = [(*meta.split(), path) for meta, _, path in entries if meta.split()[1] == b"blob"]
    wanted = b"".join(oid + b"\n" for _, _, oid, _ in files)
    out = subprocess.run([*git, "cat-file", "--batch"], input=wanted, capture_output=True, check=True).stdout
    at = 0
    for mode, _, _, path in files:
        end = out.index(b"\n", at)
        header, at = out[at:end].split(), end + 1
        if header[-1] == b"missing":
            continue
        size = int(header[2])
        target = folder / os.fsdecode(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if mode == b"120000":
            target.symlink_to(os.fsdecode(out[at:at + size]))
        else:
            target.write_bytes(out[at:at + size])
        at += size + 1


class Repository:
    def __init__(self, spec, options, work):
        self.spec, self.options = spec, options
        self.folder = work / spec["name"]
        self.namespace = spec.get("namespace", "public-" + spec["name"])
        self.problems, self.read, self.proven, self.base = [], {}, {}, None
        self.kubeconfig = work / f"{spec['name']}.kubeconfig"
        config = run("kubectl", "config", "view", "--raw", "--minify", "--flatten").stdout
        self.kubeconfig.write_text(config)
        self.kubeconfig.chmod(0o600)
        self.environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "NO_COLOR": "1"}
        run("kubectl", "config", "set-context", "--current", "--namespace", self.namespace, env=self.environment)
        self.context = self.kubectl("config", "current-context").stdout.strip()

    def problem(self, text):
        self.problems.append(text)
        print(f"  ! {text}", flush=True)

    def kubectl(self, *arguments, **options):
        return run("kubectl", *arguments, env=self.environment, **options)

    def git(self, *arguments):
        return run("git", "-C", self.folder, *IDENTITY, *arguments)

    def bpctl(self, *arguments, check=True):
        done = run(self.options.bpctl, "-C", self.folder, *arguments, env=self.environment, check=False)
        if "panicked" in done.stderr or done.returncode > 6 or done.returncode < 0:
            self.problem(f"bpctl {' '.join(arguments)}: panic: {done.stderr[-500:]}")
        if check and done.returncode:
            raise RuntimeError(f"bpctl {' '.join(arguments)} ended with {done.returncode}: {done.stderr[:2000]}{done.stdout[:1000]}")
        return done

    # --- the catalog ----------------------------------------------------------------------------

    def prepare(self):
        mirror = self.options.mirrors / self.spec["repository"].replace("/", "+")
        mirror = mirror / "repo" if (mirror / "repo").is_dir() else mirror
        self.folder.mkdir()
        checkout(mirror, self.spec["commit"], self.folder / self.spec.get("into", ""), self.spec.get("checkout", []))
        self.git("init", "-qb", "main")
        self.git("add", "-Af")
        self.git("commit", "-qm", f"{self.spec['repository']} at {self.spec['commit']}")
        # `--namespace` says where what names no namespace goes.
        where = ["--context", self.context, "--namespace", self.namespace]
        if self.spec.get("by_hand"):
            self.by_hand(where)
        else:
            done = self.bpctl("init", *where, *self.spec.get("init", []))
            self.init = done.stdout + done.stderr
        for old, new in self.spec.get("edits", {}).items():
            file, _, old = old.partition("|")
            text = (self.folder / file).read_text()
            assert old in text, f"{file} has no {old!r}"
            (self.folder / file).write_text(text.replace(old, new))
        self.as_this_kubernetes()
        self.git("add", "-Af")
        self.git("commit", "-qm", "bpctl init")
        linted = self.bpctl("lint", check=False)
        self.lint = (linted.stdout + linted.stderr).strip().splitlines()
        self.errors = sum(line.startswith("error[") for line in self.lint)
        self.warnings = sum(line.startswith("warning[") for line in self.lint)
        if linted.returncode:
            self.problem(f"lint ended with {linted.returncode}: {self.lint[:12]}")

    def by_hand(self, where):
        """What `init` cannot do here: its blueprints of what is rendered, with the folder as their source, and the folder named in bpctl.yaml."""
        made = self.folder / "made"
        made.mkdir()
        run("git", "-C", made, "init", "-qb", "main")
        (made / "all.yaml").write_text(self.declared_text())
        run("git", "-C", made, "add", "-A")
        run("git", "-C", made, *IDENTITY, "commit", "-qm", "made")
        run(self.options.bpctl, "-C", made, "init", *where, env=self.environment)
        source = self.rendered() or "."
        for file in (made / "blueprints").rglob("*.yaml"):
            file.write_text(re.sub(r"^    source: .*$", f"    source: {source}", file.read_text(), flags=re.M))
        (made / "blueprints").rename(self.folder / "blueprints")
        shutil.rmtree(made)
        spec = self.spec["apply"]
        entry = [f"      - kustomize: {source}"] if "kustomize" in spec else [f"      - helm: {source}", f"        release: {self.release()}", f"        namespace: {self.namespace}"]
        (self.folder / "bpctl.yaml").write_text("\n".join(["apiVersion: bpctl.dev/v1", "kind: Workspace", "base: main", "forge: local", "environments:", "  staging:", "    tier: staging",
                                                          f"    cluster: {{context: {self.context}}}", "    delivery: gitops", "    render:", *entry, ""]))

    def rendered(self):
        """The folder that Kustomize or Helm renders; None where there is none."""
        return self.spec["apply"].get("kustomize", self.spec["apply"].get("helm"))

    def release(self):
        return self.spec["apply"].get("release") or Path(self.rendered()).name or self.spec["name"]

    def as_this_kubernetes(self):
        """Charts are told the lab's version, by both."""
        file = self.folder / "bpctl.yaml"
        file.write_text(re.sub(r"^( *)- helm: .*$", r"\g<0>\n\1  kube_version: 1.36.0", file.read_text(), flags=re.M))

    def catalog(self):
        """The blueprints' targets, from the files that init wrote."""
        found = {}
        for file in sorted((self.folder / "blueprints").rglob("*.yaml")):
            text = file.read_text()
            if "kind: Blueprint" in text:
                values = {key: value.strip("\"'") for key, value in re.findall(r"^    (workload|namespace|source): *(\S+)", text, re.M)}
                kind, name = values["workload"].split("/")
                found[kind, values["namespace"], name] = values["source"]
        return found

    # --- the cluster ----------------------------------------------------------------------------

    def declared_text(self):
        """What the repository declares, as its own tools make it."""
        spec = self.spec["apply"]
        if "helm" in spec:
            chart = self.folder / spec["helm"]
            values = [part for file in spec.get("values", []) for part in ("--values", self.folder / file)]
            return run("helm", "template", "--no-hooks", self.release(), chart, "--namespace", self.namespace, "--kube-version", "1.36.0", *values, *spec.get("arguments", [])).stdout
        if "kustomize" in spec:
            return run("kubectl", "kustomize", self.folder / spec["kustomize"]).stdout
        texts = []
        for name in spec.get("files") or sorted(set(self.catalog().values())):  # without any: what the blueprints name
            path = self.folder / name
            for file in sorted(path.rglob("*.y*ml")) if path.is_dir() else [path]:
                if file.name not in spec.get("without", []):
                    texts.append(file.read_text())
        return "---\n".join(text if text.endswith("\n") else text + "\n" for text in texts)

    def apply(self):
        text = re.sub(r"^---.*$", "---", self.declared_text().replace("\r\n", "\n"), flags=re.M)
        kept = [part for part in re.split(r"^---$", text, flags=re.M) if re.search("^kind:", part, re.M) and not NOT_APPLIED.search(part)]
        self.text = "---".join(kept)  # as they stand: one more line is text, where a document ends in `|+`
        wanted = {namespace for _, namespace, _ in self.catalog()}
        for namespace in sorted(wanted | {self.namespace}):
            self.kubectl("create", "namespace", namespace, check=False)
        how = ["--server-side", "--force-conflicts"] if self.spec.get("server_side") else []
        done = self.kubectl("apply", *how, "-f", "-", text=self.text, check=False)
        # Custom resources without their definitions do not matter here; a workload that is refused shows below.
        self.refused = [line for line in done.stderr.splitlines() if "no matches for kind" not in line and "ensure CRDs" not in line and not line.startswith("Warning")]
        out = self.kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", text=self.text, check=False).stdout
        self.declared, decoder, at = {}, json.JSONDecoder(), 0
        while at < len(out):
            obj, at = decoder.raw_decode(out, at)
            while at < len(out) and out[at].isspace():
                at += 1
            for item in obj["items"] if obj["kind"].endswith("List") else [obj]:
                if item["kind"] in WORKLOADS:
                    self.declared[item["kind"], item["metadata"].get("namespace", self.namespace), item["metadata"]["name"]] = item
        self.blueprints = self.catalog()
        for key in self.blueprints.keys() - self.declared.keys():
            self.problem(f"init made a blueprint of {'/'.join(key)}, which is not applied")
        for key in self.declared.keys() - self.blueprints.keys():
            self.problem(f"init made no blueprint of {'/'.join(key)}, which is applied")
        self.settle()

    def settle(self):
        """Until the controllers have seen every object."""
        for _ in range(20):
            live = json.loads(self.kubectl("get", "deployments,statefulsets,daemonsets", "-A", "-o", "json").stdout)["items"]
            settled = {(item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]) for item in live
                       if item["metadata"]["generation"] == item.get("status", {}).get("observedGeneration")}
            waiting = self.blueprints.keys() - settled
            if not waiting:
                return
            time.sleep(0.5)
        self.problem(f"not settled: {sorted(waiting)[:3]} {self.refused[:3]}")

    def live(self, key):
        done = self.kubectl("get", key[0], key[2], "-n", key[1], "-o", "json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def clean(self):
        for namespace in {namespace for _, namespace, _ in self.blueprints} | {self.namespace}:
            if namespace not in ("default", "kube-system"):
                self.kubectl("delete", "namespace", namespace, "--wait=false", check=False)
        if self.text:
            self.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", text=self.text, check=False)

    # --- plans ----------------------------------------------------------------------------------

    def plan(self):
        """Every finding of a plan: (key of the object, path or None, field of the JSON)."""
        plan = json.loads(self.bpctl("plan", "-q", "-o", "json").stdout)
        found, self.told = [], []
        for blueprint in plan["blueprints"]:
            for finding in blueprint.get("findings", []):
                if finding["code"] == "drift-stays":  # of what no apply would settle; said in words
                    obj = finding["object"]
                    self.told += [((obj["kind"], obj.get("namespace"), obj["name"]), text) for text in finding.get("help", [])]
            for item in blueprint.get("items", []):
                finding = item["finding"]
                obj = finding.get("object") or item["action"]["workload"]
                key = (obj["kind"], obj.get("namespace"), obj["name"])
                if finding.get("fields"):
                    found += [(key, self.path(key, field["path"]), field) for field in finding["fields"]]
                else:
                    found.append((key, None, finding))
        self.unknown = {json.dumps(note)[:300] for blueprint in plan["blueprints"] for note in blueprint.get("unknown", []) if "Prometheus" not in json.dumps(note)}
        return found

    def path(self, key, segments):
        """bpctl's path as keys and indexes into the declared object."""
        path, value = [], self.declared.get(key)
        for segment in segments:
            (form, inner), = segment.items()
            if form == "item":
                keys = dict(inner)
                defaults = {"protocol": "TCP"}
                same = [i for i, item in enumerate(value or []) if all(str(item.get(k, defaults.get(k))) == v for k, v in keys.items())]
                inner = same[-1] if same else f"?{keys}"
            path.append(inner)
            try:
                value = value[inner]
            except (KeyError, IndexError, TypeError):
                value = None
        return path

    def identify(self, found):
        return {(key, str(path)) for key, path, _ in found}

    def show(self, found):
        return [f"{'/'.join(key)} {'.'.join(map(str, path)) if path else field.get('finding')} {json.dumps(field.get('live'))[:80]}" for key, path, field in found]

    # --- mutations ------------------------------------------------------------------------------

    def mutate(self):
        keys = sorted(self.blueprints.keys() & self.declared.keys())
        for number, (name, make) in enumerate(mutations.KINDS.items()):
            if self.options.kinds and name not in self.options.kinds:
                continue
            tried, at = 0, number
            for offset in range(len(keys)):  # another workload first for each kind
                key = keys[(at + offset) % len(keys)]
                choices = list(make(self.declared[key]))
                if choices and tried < (1 if choices[0].autoscaled else self.options.each):
                    tried += 1
                    self.one(name, key, choices[number % len(choices)])
            self.tried[name] = tried

    def one(self, name, key, mutation):
        before = self.live(key)
        target = [key[0].lower(), key[2], "-n", key[1]]
        if mutation.autoscaled and not self.autoscale(key, mutation.autoscaled):
            self.skipped.append(f"{name} on {'/'.join(key)}: not scaled")
            return
        if mutation.kubectl:
            verb = mutation.kubectl[:2] if mutation.kubectl[0] in ("rollout", "set") else mutation.kubectl[:1]
            done = self.kubectl(*verb, f"{key[0].lower()}/{key[2]}", *mutation.kubectl[len(verb):], "-n", key[1], check=False)
        else:
            done = self.kubectl("patch", *target, "--type=json", "-p", json.dumps(mutation.patch), check=False)
        if done.returncode:
            self.skipped.append(f"{name} on {'/'.join(key)}: {done.stderr.strip()[:160]}")
            return
        found = [hit for hit in self.plan() if not self.identify([hit]) & self.before]
        wrong = self.judge(key, mutation, found)
        self.done.append({"kind": name, "workload": "/".join(key), "expected": len(mutation.expected) or int(mutation.gone), "found": len(found), "wrong": wrong})
        for text in wrong:
            self.problem(f"{name} on {'/'.join(key)}: {text}")
        if mutation.autoscaled:
            self.kubectl("delete", "hpa", "mutated", "-n", key[1])
        self.put_back(key, before)

    def autoscale(self, key, count):
        done = self.kubectl("autoscale", f"{key[0].lower()}/{key[2]}", "--name=mutated", f"--min={count}", f"--max={count}", "-n", key[1], check=False)
        for _ in range(40 if done.returncode == 0 else 0):
            if self.live(key)["spec"]["replicas"] == count:
                return True
            time.sleep(1)
        self.kubectl("delete", "hpa", "mutated", "-n", key[1], "--ignore-not-found")
        return False

    def put_back(self, key, before):
        now = self.live(key)
        if now is None:
            self.kubectl("apply", *(["--server-side", "--force-conflicts"] if self.spec.get("server_side") else []), "-f", "-", text=self.text, check=False)
            self.settle()
            return
        patch = [{"op": "replace", "path": "/spec", "value": before["spec"]}]
        for part in ("labels", "annotations"):
            old, new = before["metadata"].get(part), now["metadata"].get(part)
            if old != new:
                patch.append({"op": "add", "path": f"/metadata/{part}", "value": old} if old is not None else {"op": "remove", "path": f"/metadata/{part}"})
        self.kubectl("patch", key[0].lower(), key[2], "-n", key[1], "--type=json", "-p", json.dumps(patch))

    def judge(self, key, mutation, found):
        """What is wrong with what a plan found: fields missed, invented, or with another line or live value."""
        wrong = []
        if mutation.gone:
            if len(found) != 1 or found[0][0] != key or found[0][1]:
                wrong.append(f"expected one missing object, got {self.show(found)}")
            return wrong
        left = list(found)
        for expected in mutation.expected:
            hits = [hit for hit in left if hit[0] == key and hit[1] is not None and self.covers(key, hit[1], expected)]
            if not hits and not self.is_default(key, expected):
                # An item of a list is named by its keys.
                last = rf"{re.escape(str(expected[-2]))}\[[^\]]*\]" if isinstance(expected[-1], int) else rf"{re.escape(str(expected[-1]))}(\"\])?"
                name = re.compile(rf".*\b{last}: ")
                said = [text for other, text in self.told if other == key and name.match(text)]
                if not said:
                    wrong.append(f"missed {mutations.pointer(expected)}")
                elif "declared at" not in said[0]:
                    wrong.append(f"{mutations.pointer(expected)}: no line ({said[0]})")
            for hit in hits:
                left.remove(hit)
                wrong += self.judge_field(key, mutation, hit)
        left = [hit for hit in left if not any(hit[0] == key and hit[1] is not None and self.covers(key, hit[1], path) for path in mutation.instead)]
        if left:
            wrong.append(f"invented {self.show(left)}")
        return wrong

    def covers(self, key, path, expected):
        if path[:len(expected)] == expected:
            return True
        if path != expected[:len(path)]:
            return False
        value = self.declared[key]  # above it: only where nothing else is declared there
        for depth, step in enumerate(expected):
            if depth >= len(path) and len(value) != 1:
                return False
            value = value[step]
        return True

    def is_default(self, key, path):
        return mutations.get(self.declared[key], path) in (None, "", {}, [], False)

    def judge_field(self, key, mutation, hit):
        _, path, field = hit
        withheld = "(withheld)"  # what may be a credential is told without its values
        if mutation.live is not None and field.get("live") != withheld and field["kind"] == "changed" and field.get("live") != mutation.live:
            yield f"{mutations.pointer(path)}: live is {field.get('live')!r}, not {mutation.live!r}"
        declared = mutations.get(self.declared[key], path)
        if isinstance(declared, (str, int)) and field.get("declared") != withheld and str(field.get("declared")) != str(declared):
            yield f"{mutations.pointer(path)}: declared is {field.get('declared')!r}, not {declared!r}"
        span = field.get("span")
        if not span:
            yield f"{mutations.pointer(path)}: no line ({field.get('unplaced')})"
            return
        if self.rendered() is not None:
            yield from self.judge_rendered(key, field)
            return
        file = self.folder / span["file"]
        here = list(self.nodes(file, key))
        self.lines_checked += bool(here)
        spots = [node for node in (lines.find(root, path) for root in here) if node]
        if here and not any(node.key_line <= span["line"] <= node.last for node in spots):
            yield f"{mutations.pointer(path)}: {span['file']}:{span['line']}, not {[(n.key_line, n.last) for n in spots]}"

    def judge_rendered(self, key, field):
        """Whether the field moves with the bytes that its span names, rendered by the programs themselves."""
        claim, span = json.dumps(field["path"]), field["span"]
        known = (key, claim, span["file"], span["start"], span["end"])
        if known not in self.proven:
            self.base = self.base or rendered.render(self)
            moved, _, _, possible = rendered.try_place(self, self.base, span, [((key[0], key[2]), claim, False)])
            self.proven[known] = bool(moved), possible
        moved, possible = self.proven[known]
        self.lines_checked += moved
        if not moved:
            yield f"{rendered.show(field['path'])}: {span['file']}:{span['line']} " + ("does not make it" if possible else "could not be changed")

    def nodes(self, file, key):
        """The workload's documents in a file, items of a List among them."""
        if file not in self.read:
            text = file.read_text()
            self.read[file] = text, list(lines.documents(text))
        text, roots = self.read[file]
        for root in roots:
            items = lines.find(root, ["items"])
            for node in items.below if items is not None and isinstance(items.below, list) else [root]:
                if self.text_at(text, node, ["kind"]) == key[0] and self.text_at(text, node, ["metadata", "name"]) == key[2]:
                    yield node

    @staticmethod
    def text_at(text, node, path):
        found = lines.find(node, path)
        line = text.split("\n")[found.first - 1] if found else ""
        return line.partition(":")[2].partition(" #")[0].strip().strip("\"'")

    # --- all of it ------------------------------------------------------------------------------

    def go(self):
        self.tried, self.done, self.skipped, self.lines_checked, self.unknown, self.text, self.blueprints = {}, [], [], 0, set(), "", {}
        try:
            self.prepare()
            self.apply()
            clean = self.plan()
            if clean:
                self.problem(f"differs right after it was applied: {self.show(clean)}")
            self.before = self.identify(clean)
            if not self.options.no_mutations:
                self.mutate()
                time.sleep(1)
                after = self.identify(self.plan()) - self.before
                if after:
                    self.problem(f"differs after everything was put back: {after}")
            self.clean_fields = len(clean)
        except RuntimeError as error:
            self.problem(str(error))
        if not self.options.keep:
            self.clean()
        kinds = {entry["kind"] for entry in self.done}
        return {
            **{key: self.spec[key] for key in ("name", "repository", "commit", "kind")},
            "server_side": bool(self.spec.get("server_side")), "rendered": self.rendered() is not None,
            "path": "" if "into" in self.spec else next(iter(self.spec["apply"].get("files", [])), None) or self.rendered(),
            "lint_errors": getattr(self, "errors", None), "blueprints": len(self.blueprints), "workloads": len(getattr(self, "declared", {})),
            "lint_warnings": getattr(self, "warnings", None), "false_drift": getattr(self, "clean_fields", None),
            "kinds": len(kinds), "mutations": len(self.done), "fields": sum(entry["found"] for entry in self.done),
            "wrong": sum(bool(entry["wrong"]) for entry in self.done), "lines_checked": self.lines_checked,
            "not_applicable": sorted(name for name, count in self.tried.items() if not count),
            "refused": getattr(self, "refused", []), "skipped": self.skipped, "unknown": sorted(self.unknown), "problems": self.problems, "done": self.done,
        }


def table(results, rendered_ones=False):
    """One of the first two tables of docs/PUBLIC_REPOSITORIES.md: of what stands in files, or of what is rendered."""
    columns = ["repository, commit", "what", "workloads", "applied", "lint errors", "false drift", "kinds, drift among them", "mutations", "found of expected", "invented"]
    rows = []
    for result in results:
        if rendered_ones != result["rendered"]:
            continue
        wrong = [text for entry in result["done"] for text in entry["wrong"]]
        missed, invented, lineless = (sum(word in text for text in wrong) for word in ("missed", "invented", ": no line"))
        expected = sum(entry["expected"] for entry in result["done"])
        drift = {entry["kind"] for entry in result["done"] if entry["expected"]}
        row = [f"[{result['repository']}](https://github.com/{result['repository']}/tree/{result['commit']}/{result['path']}) `{result['commit'][:9]}`, {result['path'] or 'all'}",
               result["kind"], result["blueprints"], "server-side" if result["server_side"] else "client-side", result["lint_errors"], result["false_drift"],
               f"{result['kinds']}, {len(drift)}", result["mutations"], f"{expected - missed} of {expected}", invented]
        rows.append(row + [f"{result['lines_checked']}, {lineless}"] if rendered_ones else row)
    columns += ["lines proven, not named"] if rendered_ones else []
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [columns, ["---"] * len(columns), *rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("--only", action="append", help="this entry of repositories.json; may be repeated")
    parser.add_argument("--kinds", action="append", help="this kind of mutation; may be repeated")
    parser.add_argument("--each", type=int, default=2, help="on how many workloads each kind is tried (default 2)")
    parser.add_argument("--work", type=Path, help="where the copies go (default: a temporary folder)")
    parser.add_argument("--out", type=Path, help="write everything there as JSON")
    parser.add_argument("--keep", action="store_true", help="leave copies and objects as they are")
    parser.add_argument("--no-mutations", action="store_true")
    parser.add_argument("--table", action="store_true", help="print the table of the documentation at the end")
    options = parser.parse_args()
    options.bpctl = os.path.abspath(os.environ.get("BPCTL", "bpctl"))
    work = options.work or Path(tempfile.mkdtemp(prefix="bpctl-public."))
    work.mkdir(parents=True, exist_ok=True)
    results = []
    for spec in json.loads((HERE / "repositories.json").read_text()):
        if options.only and spec["name"] not in options.only:
            continue
        shutil.rmtree(work / spec["name"], ignore_errors=True)
        print(f"{spec['name']} ({spec['repository']}, {spec['kind']})", flush=True)
        started = time.monotonic()
        result = Repository(spec, options, work).go()
        results.append(result)
        print(f"  {result['blueprints']} blueprints, {result['false_drift']} fields differ, {result['kinds']} kinds, {result['mutations']} mutations, "
              f"{result['wrong']} wrong, {result['lines_checked']} lines, {time.monotonic() - started:.0f} s", flush=True)
        if options.out:
            options.out.write_text(json.dumps(results, indent=1))
    if not options.keep:
        shutil.rmtree(work)
    if options.table:
        print(table(results), table(results, True), sep="\n\n")
    return 1 if any(result["problems"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
