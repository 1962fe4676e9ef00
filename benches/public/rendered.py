"""What kustomize and helm render, and whether a place in a file makes a field of it: bytes are changed there, and it is rendered again. Needs PyYAML."""
import json
import re

import yaml

import run

GONE = "(gone)"


class Loader(yaml.CSafeLoader):
    pass


# Kubernetes' YAML has no dates, and `=` is a string.
Loader.yaml_implicit_resolvers = {key: [(tag, regexp) for tag, regexp in pairs if not tag.endswith((":timestamp", ":value"))] for key, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()}


def render(repository):
    """What the programs make of workloads and of the other kinds that the repository is asked about, by kind and name; None where they refuse."""
    folder = repository.folder / repository.rendered()
    if "kustomize" in repository.spec["apply"]:
        command = ["kustomize", "build", folder]
    else:
        command = ["helm", "template", "--no-hooks", repository.release(), folder, "--namespace", repository.namespace, "--kube-version", "1.36.0"]
    done = run.run(*command, check=False)
    try:
        kinds = {*run.WORKLOADS, *getattr(repository, "companions", ())}
        kind = re.compile(rf"^[\"']?kind[\"']?: *[\"']?({'|'.join(sorted(kinds))})\b", re.M)
        workloads = [text for text in re.split(r"^---.*$", done.stdout, flags=re.M) if kind.search(text)]  # the others are many, and large
        documents = [yaml.load(text, Loader) for text in workloads] if done.returncode == 0 else None
    except yaml.YAMLError:
        return None
    return documents and {(doc["kind"], doc["metadata"]["name"]): doc for doc in documents if isinstance(doc, dict) and doc.get("kind") in kinds}


def at(value, path):
    """The value at bpctl's path."""
    for segment in path:
        (form, inner), = segment.items()
        try:
            if form == "item":
                keys, defaults = dict(inner), {"protocol": "TCP"}
                value = [item for item in value if all(str(item.get(k, defaults.get(k))) == v for k, v in keys.items())][-1]
            else:
                value = value[inner]
        except (KeyError, IndexError, TypeError, AttributeError):
            return GONE
    return value


def renamed(base, made, path):
    """Whether the item whose merge key this field is goes by another one now: what the field says then, else None."""
    if len(path) < 2 or "item" not in path[-2] or path[-1].get("key") not in dict(path[-2]["item"]):
        return None
    key, was, now = path[-1]["key"], at(base, path[:-2]), at(made, path[:-2])
    names = [item.get(key) for item in was]
    new = [item.get(key) for item in now if isinstance(item, dict) and item.get(key) not in names] if isinstance(now, list) else []
    return new[0] if len(new) == 1 else None


def same(made, base, key):
    """The object that another rendering makes of this one: where the change renamed it, the one of its kind that came while it went."""
    came = [other for other in made if other[0] == key[0] and other not in base]
    return made.get(key) or (made[came[0]] if len(came) == 1 else None)


def changes(text):
    """Other texts for a place: the likeliest to be taken first. With each what has to turn up in the field."""
    quote = text[0] if text[:1] in ("'", '"') and text[-1:] == text[:1] and len(text) > 1 else ""
    inner = text[1:-1] if quote else text
    if inner in ("true", "false"):
        yield text.replace(inner, "false" if inner == "true" else "true")
    number = re.search(r"\d+", inner)
    if number and (re.fullmatch(r"-?[\d.]+\w{0,3}%?", inner)):
        yield quote + inner[:number.start()] + str(int(number.group()) + 1) + inner[number.end():] + quote
    if "\n" in text:
        lines = text.split("\n")
        last = max(index for index, line in enumerate(lines) if line.strip())
        yield "\n".join(lines[:last] + [lines[last] + "x"] + lines[last + 1:])
    yield quote + inner + "x" + quote
    yield quote + "x" + inner + quote
    if number:
        yield quote + inner[:number.start()] + str(int(number.group()) + 1) + inner[number.end():] + quote
    yield "7"
    yield '"mutated"'
    yield "mutated"
    yield "true"
    yield "null"


def show(path):
    return ".".join(str(next(iter(s.values()))) if "item" not in s else "[" + ",".join(v for _, v in s["item"]) + "]" for s in path)


def try_place(repository, base, span, claims):
    """Changes the bytes of a span until each claim (key of the object, path as JSON, whether the whole value is claimed) has shown what it is.

    Gives the claims that moved as said, those that moved otherwise (with what happened), those that did not, and whether anything could be rendered.
    """
    path = repository.folder / span["file"]
    data = path.read_bytes()
    old, before = data[span["start"]:span["end"]].decode(), data[:span["start"]].decode()
    left, moved, otherwise, rendered = list(claims), [], [], 0
    if (before.count("\n") + 1, len(before) - before.rfind("\n")) != (span["line"], span["column"]):
        return moved, otherwise, left, True
    try:
        for new in changes(old):
            if not left or rendered >= 5:
                break
            if new == old:
                continue
            path.write_bytes(data[:span["start"]] + new.encode() + data[span["end"]:])
            made = render(repository)
            if not made:
                continue
            rendered += 1
            for claim in list(left):
                (kind, name), field, whole = claim
                field = json.loads(field)
                new_object = same(made, base, (kind, name))
                was, now = at(base[kind, name], field), at(new_object, field)
                if now == was:
                    continue
                if now == GONE:
                    now = renamed(base[kind, name], new_object, field) or GONE
                strong = now != GONE and (not whole or str(now).strip() == str(scalar(new)).strip())
                if strong or rendered >= 3:
                    left.remove(claim)
                    moved.append(claim)
                    if not strong:
                        otherwise.append(f"{name} {show(field)}: {span['file']}:{span['line']} {old!r} -> {new!r} made {now!r}")
    finally:
        path.write_bytes(data)
    return moved, otherwise, left, rendered > 0


def scalar(text):
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError:
        return text
