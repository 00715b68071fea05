"""A repository in which everything that git may run is a program that leaves a mark."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

EXECUTABLE = """
[include]
    path = {folder}/included
[core]
    alternateRefsCommand = {program}
    askPass = {program}
    editor = {program}
    fsmonitor = {program}
    gitProxy = {program}
    hooksPath = {folder}/hooks
    pager = {program}
    sshCommand = {program}
    attributesFile = {folder}/attributes
[credential]
    helper = "!{program}"
[diff]
    external = {program}
    tool = evil
[diff "evil"]
    command = {program}
    textconv = {program}
[difftool "evil"]
    cmd = {program}
    path = {program}
[mergetool "evil"]
    cmd = {program}
    path = {program}
[filter "evil"]
    clean = {program}
    smudge = {program}
    required = true
[filter "process"]
    process = {program}
[gpg]
    program = {program}
[gpg "ssh"]
    program = {program}
    defaultKeyCommand = {program}
[gpg "x509"]
    program = {program}
[log]
    showSignature = true
[merge]
    tool = evil
[merge "evil"]
    driver = {program}
[interactive]
    diffFilter = {program}
[sequence]
    editor = {program}
[trailer "evil"]
    key = evil
    command = {program}
    cmd = {program}
[submodule "evil"]
    active = true
    update = "!{program}"
    url = "ext::{program}"
[uploadpack]
    packObjectsHook = {program}
[remote "origin"]
    url = "ext::{program}"
    fetch = +refs/heads/*:refs/remotes/origin/*
    uploadpack = {program}
    receivepack = {program}
    vcs = {program}
    promisor = true
[protocol]
    allow = always
[protocol "ext"]
    allow = always
[browser "evil"]
    cmd = {program}
    path = {program}
[web]
    browser = evil
[help]
    browser = evil
[instaweb]
    browser = evil
    httpd = {program}
[man]
    viewer = evil
[man "evil"]
    cmd = {program}
    path = {program}
[guitool "evil"]
    cmd = {program}
[sendemail]
    smtpServer = {program}
    toCmd = {program}
    ccCmd = {program}
    sendmailCmd = {program}
[init]
    templateDir = {folder}/template
[alias]
    {aliases}
[pager]
    {pagers}
"""
"""Every key of git-config(1) of Git 2.39 whose value git runs, as a shell, a program or a helper's name."""

COMMANDS = ("cat-file", "config", "for-each-ref", "log", "ls-tree", "merge-base", "rev-parse", "show", "status")
HOOKS = (
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "p4-changelist",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-receive",
    "post-rewrite",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "proc-receive",
    "push-to-checkout",
    "reference-transaction",
    "sendemail-validate",
    "update",
)
ATTRIBUTES = "* filter=evil diff=evil merge=evil ident text eol=crlf export-subst working-tree-encoding=UTF-16\n"


# For `log.showSignature` to have something to check.
_SIGNATURE = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n"


def git(folder: Path, *words: str, text: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
    """Without a configuration but the repository's."""
    ended = subprocess.run(
        ["git", "-C", str(folder), *words],
        input=text,
        stdout=subprocess.PIPE,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", "GIT_CONFIG_NOSYSTEM": "1", **(environment or {})},
    )
    return ended.stdout.decode().strip()


def marking_program(folder: Path) -> tuple[Path, Path]:
    """A program, and the file to which it adds a line each time that it runs."""
    program, mark = folder / "program", folder / "mark"
    program.write_text(f"#!/bin/sh\necho \"$0 $*\" >>'{mark}'\nexit 1\n")
    program.chmod(0o755)
    return program, mark


def arm(repository: Path, program: Path, *, every_key: bool = False) -> None:
    """Hand the program to everything in the repository that can name one; `every_key`: to all that git knows."""
    inside = repository / ".git"
    lists = {
        "aliases": "\n    ".join(f"{name} = !{program}" for name in ("evil", *COMMANDS)),
        "pagers": "\n    ".join(f"{name} = {program}" for name in COMMANDS),
    }
    head = "[core]\n\trepositoryformatversion = 0\n"
    text = EXECUTABLE.format(program=program, folder=inside, **lists)
    (inside / "config").write_text(head + (_every_key(program) if every_key else text))
    (inside / "included").write_text(f"[core]\n\tfsmonitor = {program}\n")
    for folder in (inside / "hooks", inside / "template" / "hooks"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in HOOKS:
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(program)
    for path in (inside / "attributes", inside / "info" / "attributes"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(ATTRIBUTES)


def _every_key(program: Path) -> str:
    """Of `git help --config`; a place for a name is filled with one."""
    known = subprocess.run(["git", "help", "--config"], stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = []
    for key in re.findall(r"^[a-zA-Z][\w-]*\.\S+$", known, re.MULTILINE):
        section, _, rest = key.replace("<name>", "origin").partition(".")
        name, _, variable = re.sub(r"<[^>]*>|\*", "evil", rest).rpartition(".")
        lines.append(f"[{section}{f' {chr(34)}{name}{chr(34)}' if name else ''}]\n\t{variable} = {program}\n")
    assert len(lines) > 500
    return "".join(lines)


def commit_tree(
    repository: Path,
    files: Mapping[str, bytes],
    *,
    message: str,
    executable: Sequence[str] = (),
    person: str = "A <a@example.org>",
) -> str:
    """One more commit on the branch, of these files alone."""
    index = {"GIT_INDEX_FILE": str(repository / "own-index"), "GIT_DIR": str(repository / ".git")}
    for name, content in files.items():
        blob = git(repository, "hash-object", "-w", "--stdin", "--no-filters", text=content, environment=index)
        mode = "100755" if name in executable else "100644"
        git(repository, "update-index", "--add", "--cacheinfo", f"{mode},{blob},{name}", environment=index)
    tree = git(repository, "write-tree", environment=index)
    (repository / "own-index").unlink()
    return commit_object(repository, tree, message=message, person=person)


def commit_object(repository: Path, tree: str, *, message: str, person: str = "A <a@example.org>") -> str:
    head = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "--verify", "--quiet", "refs/heads/main"],
        stdout=subprocess.PIPE,
        check=False,
    ).stdout.decode()
    person = f"{person} 1600000000 +0000"
    parent = f"parent {head}" if head else ""
    text = f"tree {tree}\n{parent}author {person}\ncommitter {person}\n{_SIGNATURE}\n{message}\n"
    name = git(repository, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", text=text.encode())
    git(repository, "update-ref", "refs/heads/main", name)
    return name
