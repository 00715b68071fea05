"""Repositories of strangers: their objects are read, whatever stands beside them, and nothing of theirs is run."""

import hashlib
import os
import stat
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest
from hostile_repository import arm, commit_object, commit_tree, git, marking_program
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmio_bisect.adapters.git.clones import moment
from mmio_bisect.adapters.git.merge_log import MergeLog
from mmio_bisect.adapters.git.repository import Repository
from mmio_bisect.errors import DownloadError, MissingToolchainError, UsageError

ENTRIES = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FILE, PROGRAM, LINK, FOLDER, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o40000, 0o160000


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    return initialised(tmp_path / "stranger")


def initialised(folder: Path, *words: str) -> Path:
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", *words, str(folder)], check=True)
    return folder


def repository(given: Path, tmp_path: Path) -> Repository:
    return Repository(own=tmp_path / "ours" / "own", url="unused", given=given, trees=tmp_path / "ours" / "trees")


def checked_out(found: Repository, commit: str) -> None:
    with found.checkout(commit):
        pass


def stored(given: Path, kind: str, content: bytes) -> str:
    """The name of an object, written as it is: git would refuse some of them."""
    whole = f"{kind} {len(content)}\0".encode() + content
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = given / ".git" / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(whole))
    return name


def tree_object(given: Path, entries: Sequence[tuple[int, bytes, str]]) -> str:
    content = b"".join(b"%o %s\0" % (mode, name) + bytes.fromhex(object_) for mode, name, object_ in entries)
    return stored(given, "tree", content)


def on_disk(folder: Path) -> dict[bytes, tuple[str, bytes]]:
    """Each file and link below the folder: what it is, and its content or target."""
    found = {}
    for above, folders, files in os.walk(folder):
        for path in (Path(above, name) for name in (*files, *folders)):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                found[os.fsencode(path.relative_to(folder))] = ("link", os.fsencode(path.readlink()))
            elif stat.S_ISREG(mode):
                kind = "program" if mode & 0o100 else "file"
                found[os.fsencode(path.relative_to(folder))] = (kind, path.read_bytes())
    return found


NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b".."))
Folder = dict[bytes, "Folder | tuple[int, bytes]"]
LEAVES = st.tuples(st.sampled_from([FILE, PROGRAM, 0o100664]), st.binary(max_size=200))
FOLDERS = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=4), lambda inside: st.dictionaries(NAMES, inside | LEAVES, max_size=4)
)


def written(given: Path, folder: Folder) -> str:
    entries = []
    for name, item in folder.items():
        if isinstance(item, dict):
            entries.append((FOLDER, name, written(given, item)))
        else:
            mode, content = item
            entries.append((mode, name, stored(given, "blob", content)))
    return tree_object(given, entries)


def files_of(folder: Folder, above: bytes = b"") -> Iterator[tuple[bytes, tuple[str, bytes]]]:
    for name, item in folder.items():
        if isinstance(item, dict):
            yield from files_of(item, above + name + b"/")
        else:
            mode, content = item
            yield above + name, ("program" if mode & 0o100 else "file", content)


@ENTRIES
@given(folder=FOLDERS)
def test_what_is_written_is_the_commits_blobs_whatever_attributes_say(
    folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("written")
    given = initialised(tmp_path / "stranger")
    folder = {**folder, b".gitattributes": (FILE, b"* text eol=crlf ident export-subst export-ignore filter=evil\n")}
    commit = commit_object(given, written(given, folder), message="all")
    program, mark = marking_program(tmp_path)
    arm(given, program)
    with repository(given, tmp_path).checkout(commit) as tree:
        assert on_disk(tree) == dict(files_of(folder))
    assert not mark.exists()


SECRET = b"what is outside"


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        (b"file", True),
        (b"below/file", True),
        (b"missing", True),
        (b".", True),
        (b"below/up/file", True),
        (b"../outside", False),
        (b"/etc/passwd", False),
        (b"below/../../outside", False),
        (b"below/up/../../outside", False),
        (b"to-outside/../x", False),
        (b"x" * 5000, False),
        (b"with\0nul", False),
        (b"", False),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_link_that_leaves_the_tree_is_a_file_that_holds_its_target(
    stranger: Path, tmp_path: Path, target: bytes, kept: bool
) -> None:
    file = stored(stranger, "blob", b"inside")
    below = tree_object(stranger, [(FILE, b"file", file), (LINK, b"up", stored(stranger, "blob", b".."))])
    out = stored(stranger, "blob", b"..")
    link = stored(stranger, "blob", target)
    entries = [(FOLDER, b"below", below), (FILE, b"file", file), (LINK, b"link", link), (LINK, b"to-outside", out)]
    (tmp_path / "ours" / "trees" / "0").mkdir(parents=True)
    (tmp_path / "ours" / "trees" / "0" / "outside").write_bytes(SECRET)
    commit = commit_object(stranger, tree_object(stranger, entries), message="links")
    with repository(stranger, tmp_path).checkout(commit) as tree:
        found = on_disk(tree)
        assert found[b"link"] == ("link" if kept else "file", target)
        assert found[b"to-outside"] == ("file", b"..")
        assert found[b"below/up"] == ("link", b"..")
        assert not any(SECRET in path.read_bytes() for path in tree.rglob("*") if path.is_file())


def entry(name: bytes, mode: int = FILE) -> tuple[tuple[int, bytes], ...]:
    return ((mode, name),)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        *((entry(name, mode), "a file named") for name in (b"..", b".", b"", b"a/b", b"/a") for mode in (FILE, FOLDER)),
        *(
            (entry(name, FOLDER), "a file named")
            for name in (b".git", b".GIT", b".giT ", b".git...", b".git::$INDEX_ALLOCATION", b"git~1", b"GIT~1 .")
        ),
        (entry(".g\u200cit".encode(), LINK), "a file named"),
        (entry(b".git\\hooks"), "a file named"),
        (entry(b"n" * 300), "a name that is too long"),
        (((FILE, b"one"), (FILE, b"one")), "two entries named 'one'"),
        (((LINK, b"one"), (FOLDER, b"one")), "two entries named 'one'"),
        (((FOLDER, b"one"), (LINK, b"one")), "two entries named 'one'"),
        (entry(b"pipe", 0o10644), "an entry of mode 10644"),
        (entry(b"device", 0o60644), "an entry of mode 60644"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_tree_that_cannot_be_written_is_untestable(
    stranger: Path, tmp_path: Path, entries: tuple[tuple[int, bytes], ...], why: str
) -> None:
    """The link leads out of the tree, and a folder of its name would be made behind it."""
    file = stored(stranger, "blob", b"../outside")
    below = tree_object(stranger, [(FILE, b"passwd", file)])
    tree = tree_object(stranger, [(mode, name, below if mode == FOLDER else file) for mode, name in entries])
    commit = commit_object(stranger, tree, message="refused")
    before = {path for path in tmp_path.rglob("*") if "ours" not in path.parts}
    with pytest.raises(MissingToolchainError, match="cannot be checked out: its tree has ") as refused:
        checked_out(repository(stranger, tmp_path), commit)
    assert why in str(refused.value)
    assert refused.value.for_good
    assert {path for path in tmp_path.rglob("*") if "ours" not in path.parts} == before


def test_trees_without_end_are_refused(stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten entries, each of them the same ten: ten thousand million files in ten objects."""
    bomb = tree_object(stranger, [(FILE, b"%d" % number, stored(stranger, "blob", b"")) for number in range(10)])
    for _ in range(9):
        bomb = tree_object(stranger, [(FOLDER, b"%d" % number, bomb) for number in range(10)])
    deep = tree_object(stranger, [(FILE, b"f", stored(stranger, "blob", b""))])
    for _ in range(60):
        deep = tree_object(stranger, [(FOLDER, b"d" * 100, deep)])
    monkeypatch.setattr("mmio_bisect.adapters.git.tree_files._FILES", 1000)
    for tree, why in ((bomb, "more than 1000 files"), (deep, "a name that is too long")):
        commit = commit_object(stranger, tree, message="bomb")
        with pytest.raises(MissingToolchainError, match=why):
            checked_out(repository(stranger, tmp_path), commit)
        assert repository(stranger, tmp_path).describe(commit).title == "bomb"


def test_objects_whose_content_has_another_name_are_not_taken(stranger: Path, tmp_path: Path) -> None:
    """Whatever the file is called: the commit's name is of its content."""
    commit = commit_tree(stranger, {"case.c": b"as it was reviewed"}, message="one")
    blob = git(stranger, "rev-parse", f"{commit}:case.c")
    other = git(stranger, "hash-object", "-w", "--stdin", text=b"something else that")
    path = stranger / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes((stranger / ".git" / "objects" / other[:2] / other[2:]).read_bytes())
    with pytest.raises(UsageError, match="cannot be read as a clone") as refused:
        checked_out(repository(stranger, tmp_path), commit)
    assert blob in str(refused.value)


def test_replacements_and_grafts_and_written_graphs_say_nothing(stranger: Path, tmp_path: Path) -> None:
    first = commit_tree(stranger, {"a": b"1"}, message="first")
    second = commit_tree(stranger, {"a": b"2"}, message="second")
    git(stranger, "commit-graph", "write", "--reachable")
    other = commit_tree(stranger, {"a": b"evil"}, message="other")
    git(stranger, "update-ref", "refs/heads/main", second)
    git(stranger, "replace", second, other)
    (stranger / ".git" / "info").mkdir(exist_ok=True)
    (stranger / ".git" / "info" / "grafts").write_text(f"{second}\n")
    graph = stranger / ".git" / "objects" / "info" / "commit-graph"
    content = graph.read_bytes()
    graph.chmod(0o644)
    graph.write_bytes(content.replace(bytes.fromhex(first), b"\xff" * 20))
    found = repository(stranger, tmp_path)
    assert [one.commit for one in found.log()] == [first, second]
    with found.checkout(second) as tree:
        assert on_disk(tree) == {b"a": ("file", b"2")}


def test_a_missing_object_is_not_fetched(stranger: Path, tmp_path: Path) -> None:
    """A promisor's remote would be asked for it, by whatever program its address names."""
    commit = commit_tree(stranger, {"a": b"1"}, message="partial")
    program, mark = marking_program(tmp_path)
    arm(stranger, program)
    with (stranger / ".git" / "config").open("a") as file:
        file.write("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = origin\n")
    blob = hashlib.sha1(b"blob 1\x001", usedforsecurity=False).hexdigest()
    (stranger / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert subprocess.run(["git", "-C", stranger, "cat-file", "-p", blob], check=False, capture_output=True).returncode
    assert mark.exists(), "git itself asks"
    mark.unlink()
    found = repository(stranger, tmp_path)
    assert found.describe(commit).paths == ("a",)
    with pytest.raises(UsageError, match=f"the object {blob} is missing, as in a partial clone"):
        checked_out(found, commit)
    assert not mark.exists()


def test_objects_elsewhere_pipes_and_links_are_refused(stranger: Path, tmp_path: Path) -> None:
    commit_tree(stranger, {"a": b"1"}, message="one")
    objects = stranger / ".git" / "objects"
    for name in ("pack/pack-1.idx", "00/" + "1" * 38):
        (objects / name).parent.mkdir(exist_ok=True)
        os.mkfifo(objects / name)
        with pytest.raises(UsageError, match="is neither a file nor a folder"):
            repository(stranger, tmp_path).log()
        (objects / name).unlink()
        (objects / name).symlink_to("/etc/passwd")
        with pytest.raises(UsageError, match="is neither a file nor a folder"):
            repository(stranger, tmp_path).log()
        (objects / name).unlink()
    os.mkfifo(stranger / ".git" / "refs" / "heads" / "pipe")
    assert len(repository(stranger, tmp_path).log()) == 1
    for name in ("packed-refs", "shallow", "commondir", "config", "index", "FETCH_HEAD"):
        (stranger / ".git" / name).unlink(missing_ok=True)
        os.mkfifo(stranger / ".git" / name)
    assert len(repository(stranger, tmp_path).log()) == 1
    (stranger / ".git" / "refs").rename(tmp_path / "refs")
    (stranger / ".git" / "refs").symlink_to("/")
    with pytest.raises(UsageError, match="its refs are elsewhere"):
        repository(stranger, tmp_path).log()
    (stranger / ".git" / "refs").unlink()
    (tmp_path / "refs").rename(stranger / ".git" / "refs")
    (objects / "info" / "alternates").write_text("/home/another/objects\n")
    with pytest.raises(UsageError, match="borrows objects from elsewhere"):
        repository(stranger, tmp_path).log()


@pytest.mark.parametrize("layout", ["work tree", "linked", "submodule", "bare", "shallow", "sha256", "odd name"])
def test_every_layout_is_read(tmp_path: Path, layout: str) -> None:
    words = ("--object-format=sha256",) if layout == "sha256" else ()
    source = initialised(tmp_path / ('od"d\\ \n name' if layout == "odd name" else "source"), *words)
    commits = [commit_tree(source, {"a": b"%d" % number}, message=f"{number}") for number in range(3)]
    git(source, "tag", "--annotate", "v1", "-m", "one", commits[1], environment=PERSON)
    place = tmp_path / "place"
    match layout:
        case "linked":
            git(source, "worktree", "add", "--quiet", "--detach", str(place), commits[2])
        case "submodule":
            above = initialised(tmp_path / "above")
            git(above, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(source), "place")
            place = above / "place"
        case "bare":
            git(tmp_path, "clone", "--quiet", "--bare", str(source), str(place))
        case "shallow":
            git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{source}", str(place))
        case _:
            place = source
    found = repository(place, tmp_path)
    assert [one.commit for one in found.log()] == (commits[1:] if layout == "shallow" else commits)
    assert found.resolve(commits[2][:10]) == commits[2]
    assert found.describe(commits[1]).paths == ("a",)
    assert found.touching(["a"]) == set(commits[1:] if layout == "shallow" else commits)
    if layout != "shallow":
        assert found.tags("v*") == {commits[1]: "v1"}
    with found.checkout(commits[2]) as tree:
        assert on_disk(tree) == {b"a": ("file", b"2")}
    assert not list((tmp_path / "ours" / "views").iterdir())


PERSON: Final = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"))
}


def test_a_submodule_is_an_empty_folder_and_its_commands_are_not_run(stranger: Path, tmp_path: Path) -> None:
    program, mark = marking_program(tmp_path)
    modules = f'[submodule "evil"]\n\tpath = sub\n\turl = ext::{program}\n\tupdate = !{program}\n'
    tree = tree_object(
        stranger,
        [
            (FILE, b".gitmodules", stored(stranger, "blob", modules.encode())),
            (SUBMODULE, b"--upload-pack=touch", "1" * 40),
            (SUBMODULE, b"sub", "1" * 40),
        ],
    )
    commit = commit_object(stranger, tree, message="submodules")
    inside = stranger / ".git" / "modules" / "evil"
    initialised(inside)
    arm(stranger, program)
    with repository(stranger, tmp_path).checkout(commit) as written_tree:
        assert {path.name for path in written_tree.iterdir()} == {".gitmodules", "--upload-pack=touch", "sub"}
        assert not any((written_tree / "sub").iterdir())
    assert not mark.exists()


def test_a_clone_of_our_own_is_made_without_running_the_others_programs(stranger: Path, tmp_path: Path) -> None:
    commits = [commit_tree(stranger, {"a": b"%d" % number}, message=f"{number}") for number in range(2)]
    program, mark = marking_program(tmp_path)
    arm(stranger, program)
    for place, url in (("one", str(stranger)), ("two", f"file://{stranger}")):
        own = Repository(own=tmp_path / place / "own", url=url, trees=tmp_path / place / "trees")
        assert [one.commit for one in own.log()] == commits
        assert [one.commit for one in own.log(refresh=True)] == commits
    merges = MergeLog(own=tmp_path / "three" / "own", url=str(stranger))
    assert merges.merges() == ()
    assert not mark.exists()
    subprocess.run(["git", "-C", stranger, "log", "--patch"], check=False, capture_output=True, timeout=60)
    assert mark.exists(), "git itself runs it"


@pytest.mark.parametrize(
    "address",
    ["ext::{program}", "ext::sh -c {program}", "--upload-pack={program}", "ssh://-oProxyCommand={program}/x", "fd::7"],
)
def test_an_address_that_is_a_program_is_not_run(tmp_path: Path, address: str) -> None:
    program, mark = marking_program(tmp_path)
    own = Repository(
        own=tmp_path / "ours" / "own", url=address.format(program=program), trees=tmp_path / "ours" / "trees"
    )
    with pytest.raises(DownloadError, match="could not be fetched"):
        own.log()
    assert not mark.exists()


HEADERS = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [
                "author \u2028 \x1e <a@b> 1 +0000".encode(),
                b"author A\x0c\x85\xe9 <a> 10000000000000 +0000",
                b"committer A <a> -1 +0000",
                b"committer <> 99999999999999999999 -9999",
                b"committer A <a> 1700000000 +1400",
                b"committer A <a>",
                b"author A\x00B <a> 1 +0000",
                b"encoding ISO-8859-1",
                b"encoding UTF-16",
                b"encoding \xff",
                b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----",
                b"mergetag object 1",
            ]
        ),
    ),
    max_size=6,
)
MESSAGES = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=80).map(lambda text: text.encode(errors="surrogatepass")),
    st.sampled_from(
        ["Auto merge of #1\u2028two\n\nSuccessful merges:\n\n - #2 (\x1e)\n".encode(), b"", b"\n\n", b"\0\0"]
    ),
)


@ENTRIES
@given(commits=st.lists(st.tuples(HEADERS, MESSAGES, st.integers(0, 4)), min_size=1, max_size=4))
def test_no_commit_that_git_reads_is_lost(
    commits: list[tuple[list[bytes], bytes, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("odd")
    given = initialised(tmp_path / "stranger")
    tree = tree_object(given, [(FILE, b"a", stored(given, "blob", b"1"))])
    line: list[str] = []
    for headers, message, others in commits:
        parents = [*line[-1:], *line[:others]] if line else []
        lines = [f"tree {tree}".encode(), *(f"parent {parent}".encode() for parent in parents), *headers]
        line.append(stored(given, "commit", b"\n".join([*lines, b"", message])))
    git(given, "update-ref", "refs/heads/main", line[-1])
    found = repository(given, tmp_path)
    assert [one.commit for one in found.log()] == line
    for name in line:
        described = found.describe(name)
        assert described.commit == name
        datetime.fromisoformat(described.committed)
        "".join([described.title, described.author, *described.paths]).encode()
    MergeLog(own=tmp_path / "own", given=given).merges()


def test_a_merge_of_thousands_and_an_empty_one(stranger: Path, tmp_path: Path) -> None:
    tree = tree_object(stranger, [])
    person = "A\u2028\x1e\x0c\x1f <a> 10000000000000 +0530"
    roots = [
        stored(stranger, "commit", f"tree {tree}\nauthor {person}\ncommitter {person}\n\nroot {number}\n".encode())
        for number in range(3000)
    ]
    parents = "".join(f"parent {root}\n" for root in roots)
    merge = stored(stranger, "commit", f"tree {tree}\n{parents}author {person}\ncommitter {person}\n\n".encode())
    git(stranger, "update-ref", "refs/heads/main", merge)
    found = repository(stranger, tmp_path)
    first, last = found.log()
    assert (first.commit, last.commit, last.merge) == (roots[0], merge, True)
    assert last.author == "A\u2028\x1e\x0c\x1f"
    described = found.describe(merge)
    assert (described.title, described.author) == ("", "A\u2028\x1e\x0c\x1f <a>")
    assert described.committed.startswith("9999-01-01T05:29:59")


@pytest.mark.parametrize(
    ("seconds", "zone", "expected"),
    [
        ("1600000000", "+0000", "2020-09-13T12:26:40+00:00"),
        ("1600000000", "+0530", "2020-09-13T17:56:40+05:30"),
        ("1600000000", "-0330", "2020-09-13T08:56:40-03:30"),
        ("1600000000", "+9999", "2020-09-13T12:26:40+00:00"),
        ("1600000000", "", "2020-09-13T12:26:40+00:00"),
        ("", "", "1970-01-01T00:00:00+00:00"),
        ("-5", "+0000", "1969-12-31T23:59:55+00:00"),
        ("10000000000000", "+1400", "9999-01-01T13:59:59+14:00"),
        ("9" * 5000, "+0000", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_a_time_is_read_or_told_as_near_as_can_be(seconds: str, zone: str, expected: str) -> None:
    found = moment(seconds, zone)
    assert found.isoformat()[:4] == expected[:4]
    if seconds.isdecimal() and len(seconds) < 12:
        assert found.isoformat() == expected
