"""Where a field stands in a block-style YAML file: a reading of its own, so that bpctl's line numbers are not checked by themselves.

Knows indentation, lists, block scalars, comments, quotes, and flow collections as one piece; not anchors. That is what manifests are written in.
"""
import re

KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#'"\[\]{},|>&*!%@`-][^#]*?|-[^\s#][^#]*?|[^\s#'"\[\]{}]+?):(?:\s+|$)""")


class Node:
    """A value: its lines (from 1, both included), and what is below it."""

    def __init__(self, first, last, below=None, key_line=None):
        self.first, self.last, self.below = first, last, below
        self.key_line = key_line or first


def documents(text):
    """The documents of a file, each as a Node."""
    chunk = []
    for number, line in enumerate(text.splitlines() + ["---"], 1):
        if re.match(r"(---|\.\.\.)(\s|$)", line):
            node = read(chunk)
            if node:
                yield node
            chunk = []
        else:
            chunk.append((number, line))


def read(lines):
    """One document, given as (number, text) pairs; None where it is empty."""
    rows = [[number, len(text) - len(text.lstrip(" ")), text.strip()] for number, text in lines]
    at = skip(rows, 0)
    return block(rows, at, rows[at][1])[0] if at < len(rows) else None


def skip(rows, at):
    while at < len(rows) and (not rows[at][2] or rows[at][2].startswith("#") or rows[at][2].startswith("%")):
        at += 1
    return at


def block(rows, at, indent):
    """A mapping, a list or a scalar that begins in row `at`; gives the node and the first row after it."""
    first = rows[at][0]
    if re.match(r"-(\s|$)", rows[at][2]):
        items = []
        while at < len(rows) and rows[at][1] == indent and re.match(r"-(\s|$)", rows[at][2]):
            inner = rows[at][2][1:]
            line = rows[at][0]
            offset = 1 + len(inner) - len(inner.lstrip())
            inner = inner.strip()
            if not inner or inner.startswith("#"):
                node, at = below(rows, at, indent, line, True)
            elif KEY.match(inner) or re.match(r"-(\s|$)", inner):
                rows[at] = [line, indent + offset, inner]
                node, at = block(rows, at, indent + offset)
            else:
                node, at = value(rows, at, indent, inner)
            items.append(node)
            at = skip(rows, at)
        return Node(first, items[-1].last, items), at
    if KEY.match(rows[at][2]):
        entries, last = {}, first
        while at < len(rows) and rows[at][1] == indent and (match := KEY.match(rows[at][2])):
            line, rest = rows[at][0], rows[at][2][match.end():].strip()
            rest = "" if rest.startswith("#") else re.sub(r"^&\S+\s*", "", rest)
            node, at = below(rows, at, indent, line, False) if not rest else value(rows, at, indent, rest)
            node.key_line = line
            entries[unquoted(match.group(1).strip())] = node
            last = node.last
            at = skip(rows, at)
        return Node(first, last, entries), at
    return value(rows, at, indent - 1, rows[at][2])


def below(rows, at, indent, line, in_list):
    """What stands under a key, or a dash, that has nothing beside it."""
    after = skip(rows, at + 1)
    if after < len(rows):
        deeper = rows[after][1] > indent
        if deeper or (not in_list and rows[after][1] == indent and re.match(r"-(\s|$)", rows[after][2])):
            return block(rows, after, rows[after][1])
    return Node(line, line), at + 1


def value(rows, at, indent, text):
    """A scalar or a flow collection that begins in row `at` as `text`."""
    first = rows[at][0]
    if re.match(r"[|>][+-]?\d?[+-]?(\s|$)", text):
        at, last = at + 1, first
        while at < len(rows) and (not rows[at][2] or rows[at][1] > indent):
            last = rows[at][0] if rows[at][2] else last
            at += 1
        return Node(first, last), at
    while not whole(text) and at + 1 < len(rows):
        at += 1
        text += "\n" + rows[at][2]
    at += 1
    if text[0] not in "\"'[{":
        while at < len(rows) and rows[at][2] and rows[at][1] > indent and not rows[at][2].startswith("#"):
            at += 1  # a plain scalar goes on
    return Node(first, rows[at - 1][0]), at


def whole(text):
    """Whether quotes and brackets are closed."""
    if text[0] == '"':
        return re.match(r'"(?:[^"\\]|\\.)*"', text, re.S) is not None
    if text[0] == "'":
        return re.match(r"'(?:[^']|'')*'", text) is not None
    if text[0] in "[{":
        plain = re.sub(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|(?<=\s)#.*', "", text)
        return sum(map(plain.count, "[{")) <= sum(map(plain.count, "]}"))
    return True


def unquoted(text):
    return text[1:-1] if text[:1] in ("'", '"') and text[-1:] == text[:1] else text


def find(node, pointer):
    """The node at a path of keys and indexes; inside a flow collection the whole of it. None where there is none."""
    for step in pointer:
        if node.below is None:
            return node
        if isinstance(node.below, dict):
            node = node.below.get(str(step))
        else:
            node = node.below[step] if isinstance(step, int) and step < len(node.below) else None
        if node is None:
            return None
    return node
