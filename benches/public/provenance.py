#!/usr/bin/env python3
"""provenance.py [options] MIRRORS: whether the lines that `bpctl where` names make the fields, on the entries of repositories.json that are rendered.

Each claimed place is changed in the file, byte for byte as the span says, and rendered again by kustomize or helm: the claimed field has to move, to what
was written where the claim is of the whole value. Nothing of bpctl takes part in that. Needs git, kubectl, kustomize, helm, PyYAML, and a
KUBECONFIG (of which only the name of the context is used). Ends with 1 when a claim is wrong.
"""
import argparse
import collections
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
import rendered  # noqa: E402
import run  # noqa: E402


class Check:
    def __init__(self, repository, options):
        self.repository, self.options = repository, options
        self.seconds = {}

    def where(self, *arguments):
        started = time.monotonic()
        answer = json.loads(self.repository.bpctl("where", "-q", *arguments, "-o", "json").stdout)
        return answer, time.monotonic() - started

    def go(self):
        name = self.repository.spec["name"]
        governed, seconds = self.where()
        every, seconds_all = (governed, None) if self.options.governed else self.where("--all")
        self.repository.companions = {workload["workload"]["kind"] for workload in every["workloads"]}
        base, again = rendered.render(self.repository), rendered.render(self.repository)
        claims, unknown = collections.defaultdict(list), collections.Counter()
        counted = {}
        self.mismatch = []
        for label, answer in (("governed", governed), ("all", every)):
            located = total = 0
            for workload in answer["workloads"]:
                for field in workload["fields"]:
                    total += 1
                    line = field["origin"].get("line")
                    located += bool(line)
                    key = workload["workload"]["kind"], workload["workload"]["name"]
                    if line:
                        span = line["span"]
                        claim = (key, json.dumps(field["field"]), line["whole"])
                        place = claims[span["file"], span["start"], span["end"], span["line"], span["column"]]
                        if claim not in place:
                            place.append(claim)
                    else:
                        unknown[label, str(field["origin"].get("unknown"))] += 1
                    if label == "all" and rendered.at(base.get(key), field["field"]) != field["value"]:
                        self.mismatch.append(f"{key[1]} {rendered.show(field['field'])}: {field['value']!r}, rendered {rendered.at(base.get(key), field['field'])!r}")
            counted[label] = (located, total)
        wrong, weak, unchecked, checked = [], [], [], 0
        limit = time.monotonic() + self.options.seconds
        places = sorted(claims.items())
        random.Random(1).shuffle(places)  # where time is short, any of them
        for number, (place, fields) in enumerate(places):
            if time.monotonic() > limit:
                unchecked.append(f"no time for {len(places) - number} places")
                break
            span = dict(zip(("file", "start", "end", "line", "column"), place))
            moved, otherwise, still, possible = rendered.try_place(self.repository, base, span, fields)
            checked += len(moved) + len(still) * possible
            for key, field, _ in moved:
                if rendered.at(base[key], json.loads(field)) != rendered.at(again[key], json.loads(field)):
                    wrong.append(f"{key[1]} {rendered.show(json.loads(field))}: {span['file']}:{span['line']}: differs whenever it is rendered")
            weak += otherwise
            for key, field, _ in still:
                (wrong if possible else unchecked).append(f"{key[1]} {rendered.show(json.loads(field))}: {span['file']}:{span['line']}:{span['column']}")
        return {"name": name, "repository": self.repository.spec["repository"], "commit": self.repository.spec["commit"], "path": "" if "into" in self.repository.spec else self.repository.rendered(),
                "kind": self.repository.spec["kind"], "workloads": len(governed["workloads"]), "governed": counted["governed"], "all": counted["all"],
                "places": len(places), "checked": checked, "wrong": wrong, "weak": weak, "unchecked": unchecked, "values": self.mismatch,
                "unknown": sorted([*key, count] for key, count in unknown.items()), "seconds": round(seconds, 1), "seconds_all": seconds_all if seconds_all is None else round(seconds_all, 1)}


def table(results):
    """The last table of docs/PUBLIC_REPOSITORIES.md."""
    columns = ["repository, folder", "what", "workloads", "governed fields located", "all fields located", "claims checked", "wrong", "seconds a workload: governed, all"]
    rows = []
    for r in results:
        located, seconds = ["{} of {}".format(*r[key]) for key in ("governed", "all")], [f"{(r[key] or 0) / max(r['workloads'], 1):.1f}" for key in ("seconds", "seconds_all")]
        if r["seconds_all"] is None:
            located[1] = seconds[1] = "–"
        rows.append([f"{r['repository']}, {r['path'] or 'all'}", r["kind"], r["workloads"], *located, r["checked"], len(r["wrong"]), ", ".join(seconds)])
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [columns, ["---"] * len(columns), *rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("--only", action="append", help="this entry of repositories.json; may be repeated")
    parser.add_argument("--seconds", type=int, default=600, help="how long to check one entry's claims (default 600)")
    parser.add_argument("--governed", action="store_true", help="only the fields that blueprints speak about")
    parser.add_argument("--out", type=Path, help="write everything there as JSON")
    parser.add_argument("--table", action="store_true", help="print the table of the documentation at the end")
    options = parser.parse_args()
    options.bpctl = os.path.abspath(os.environ.get("BPCTL", "bpctl"))
    work = Path(tempfile.mkdtemp(prefix="bpctl-public."))
    results = []
    for spec in json.loads((run.HERE / "repositories.json").read_text()):
        if spec["apply"].keys() & {"helm", "kustomize"} and (spec["name"] in options.only if options.only else True):
            repository = run.Repository(spec, options, work)
            try:
                repository.prepare()
                result = Check(repository, options).go()
            except RuntimeError as error:
                print(f"{spec['name']}: {error}", flush=True)
                continue
            results.append(result)
            print(f"{spec['name']}: governed {result['governed']}, all {result['all']}, {result['checked']} claims checked at {result['places']} places, {len(result['wrong'])} wrong, "
                  f"{len(result['weak'])} weak, {len(result['unchecked'])} not checked, where {result['seconds']} and {result['seconds_all'] or 0} s", flush=True)
            for text in result["wrong"][:10]:
                print(f"  ! {text}", flush=True)
            if options.out:
                options.out.write_text(json.dumps(results, indent=1))
    shutil.rmtree(work)
    if options.table:
        print(table(results))
    return 1 if any(result["wrong"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
