#!/usr/bin/env python3
"""edits.py OUT: whether PyYAML, which shares nothing with bpctl, reads in each edited file of `edits` the value that was meant, and all else as before.

Ends with 1 when a value is another one, or something else changed.
"""
import json
import sys
from pathlib import Path

import yaml

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Kept(Loader):
    """Texts that look like times stay texts, as they do for Kubernetes; tags of others are passed over."""


Kept.yaml_implicit_resolvers = {key: [(tag, regexp) for tag, regexp in resolvers if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")]
                                for key, resolvers in Loader.yaml_implicit_resolvers.items()}


def load(path):
    """The documents that say something: marks with nothing between them make none to bpctl."""
    return [document for document in yaml.load_all(path.read_bytes().decode("utf-8-sig"), Kept) if document is not None]


def put(value, steps, to):
    """The same with another value at the path; shared parts are copied on the way."""
    if not steps:
        return to
    step, *rest = steps
    if isinstance(value, list):
        return [put(item, rest, to) if at == step else item for at, item in enumerate(value)]
    # `on:` is a truth value to both.
    named = {str(key).lower() if isinstance(key, bool) else str(key): key for key in value}
    key = step if step in value else named[step]
    return {each: put(item, rest, to) if each == key else item for each, item in value.items()}


def main():
    out = Path(sys.argv[1])
    right = refused = 0
    wrong, unread = [], []
    for told in sorted(out.glob("*.json"), key=lambda path: int(path.stem)):
        edit = json.loads(told.read_text())
        if "refused" in edit:
            refused += 1
            continue
        try:
            before = load(told.with_suffix(".before"))
        except yaml.YAMLError as error:
            unread.append(f"{edit['file']}: {error}")
            continue
        try:
            after, wanted = load(told.with_suffix(".after")), list(before)
            wanted[edit["document"]] = put(wanted[edit["document"]], edit["path"], edit["to"])
            if after == wanted and json.dumps(after, default=str) == json.dumps(wanted, default=str):
                right += 1
                continue
            wrong.append(f"{told.stem} {edit['file']} {edit['path']} → {edit['to']!r}")
        except (yaml.YAMLError, KeyError, IndexError, TypeError) as error:
            wrong.append(f"{told.stem} {edit['file']} {edit['path']} → {edit['to']!r}: {error!r}")
    for text in wrong:
        print(f"! {text}")
    print(f"{right} right, {len(wrong)} wrong, {refused} refused, {len(unread)} in files that PyYAML does not read")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
