#!/usr/bin/env python3
"""history.py FOLDER --bpctl PROGRAM [--commits N]: the shipped example with a past, to ask questions about it.

bpctl opens and merges what it may; then N commits of somebody else lie on top. So a plan of it asks when the last operation was, how it ended,
and what changed since, of a merge N commits ago.
"""

import argparse
import os
import pathlib
import shutil
import subprocess

TIME = 1_767_225_600  # 2026-01-01
PERSON = "Bench <bench@example.invalid>"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--bpctl", required=True)
    parser.add_argument("--commits", type=int, default=100_000)
    args = parser.parse_args()

    shop = pathlib.Path(__file__).resolve().parent.parent / "examples" / "shop"
    shutil.copytree(shop, args.folder)
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "Bench"), ("EMAIL", "bench@example.invalid"))}
    environment = os.environ | who

    def git(*argv: str, **more) -> None:
        subprocess.run(["git", "-C", args.folder, *argv], check=True, env=environment, **more)

    git("init", "--quiet", "--initial-branch", "main")
    git("add", "--all")
    git("commit", "--quiet", "--message", "The example")
    subprocess.run([args.bpctl, "apply", "--env", "staging"], cwd=args.folder, check=True, env=environment, capture_output=True)
    merged = subprocess.run(["git", "-C", args.folder, "rev-list", "--count", "--merges", "main"], check=True, capture_output=True)
    if int(merged.stdout) < 1:
        raise SystemExit("bpctl merged nothing, so there is no past to ask about")
    lines = []
    for number in range(args.commits):
        text = f"{number}\n"
        lines.append(f"commit refs/heads/main\nmark :{number + 1}\ncommitter {PERSON} {TIME + number} +0000\ndata 1\n.\n"
                     + ("from refs/heads/main^0\n" if number == 0 else "")
                     + f"M 100644 inline notes/{number % 100}.txt\ndata {len(text)}\n{text}\n")
    git("fast-import", "--quiet", input="".join(lines).encode())
    git("reset", "--quiet", "--hard", "main")
    git("commit-graph", "write", "--reachable", "--changed-paths", stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
