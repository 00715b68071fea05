"""Archives and manifests as Rust's servers hold them: of scripted compilers, or of Debian's rustc repackaged.

A scripted rustc is a shell script with an object beside it: a real one, of a few hundred bytes.
"""

import io
import lzma
import mmap
import os
import struct
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from loopback_dist import Content, DistServer
from requirements import fixture_path

HOST = "x86_64-unknown-linux-gnu"
TRIPLE = "aarch64-unknown-linux-gnu"

GOOD_CODE = (0xAA0003E8, 0x91002000, 0x52800029, 0x5280004A, 0xB9000109, 0xB900050A, 0xD65F03C0)
BAD_CODE = (0x52800029, 0xAA0003E8, 0xB8008409, 0x52800049, 0xB9000509, 0xD65F03C0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """Its two archives."""

    rustc: Content
    std: Content

    def named(self, name: str) -> "Compiler":
        """The same compiler as another toolchain: its archive has a `version` of its own."""
        return Compiler(rustc=Content((*self.rustc.parts[:-1], _ending(name))), std=self.std)


def scripted(
    name: str, *, bad: bool, size: int = 0, llvm: str = "17.0.6", code: tuple[int, ...] | None = None
) -> Compiler:
    """`size` is of a library beside the program that nothing compresses; `code` is what it makes if not the usual."""
    program = f"""#!/bin/sh
here=$(dirname "$0")
case "$*" in
*--version*) printf 'rustc 1.77.0-nightly (0123456789 2024-01-31)\\nLLVM version: {llvm}\\n' ;;
*) while [ "$1" != -o ]; do shift; done; cat "$here/../lib/object.so" >"$2" ;;
esac
"""
    files = {
        "rustc/bin/rustc": program.encode(),
        "rustc/lib/object.so": object_file(code or (BAD_CODE if bad else GOOD_CODE)),
        "rustc/lib/librustc_driver-0123.so": os.urandom(size),
        "rustc/share/doc/rust/README.md": b"nothing to read here\n",
        "rustc/lib/rustlib/etc/lldb_commands": b"not wanted\n",
    }
    std = {f"rust-std-{TRIPLE}/lib/rustlib/{TRIPLE}/lib/libcore-0123.rlib": b"!<arch>\n"}
    return Compiler(
        rustc=Content((archive(f"rustc-nightly-{HOST}", files, ends=False), _ending(name))),
        std=Content((archive(f"rust-std-nightly-{TRIPLE}", std, ends=False), _ending("std"))),
    )


@cache
def debian(suite: str) -> Compiler:
    """Debian's rustc of that suite, repackaged: for tests with the marker `rust_archives`."""
    found = fixture_path(f"test-rustdist/{suite}")
    rustc, std = (_mapped(found / f"{name}.tar.xz.part") for name in ("rustc", "rust-std"))
    return Compiler(rustc=Content((rustc, _ending(suite))), std=Content((std, _ending("std"))))


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def publish_nightly(
    server: DistServer,
    day: str,
    compiler: Compiler,
    *,
    version: str = "1.77.0-nightly (0123456789 2024-01-31)",
    commit: str | None = "01234567890123456789" * 2,
    without: str | None = None,
) -> None:
    """`without` is a component that was not built that day."""
    publish(server, day, "nightly", compiler, version=version, commit=commit, without=without)


def publish(
    server: DistServer,
    day: str,
    channel: str,
    compiler: Compiler,
    *,
    version: str,
    commit: str | None = None,
    without: str | None = None,
) -> None:
    """A release with its manifest, which names the official server's addresses whatever server it lies on."""
    lines = ['manifest-version = "2"', f'date = "{day}"', "[pkg.rustc]", f'version = "{version}"']
    lines += [f'git_commit_hash = "{commit}"'] if commit else []
    for component, triple, content in (("rustc", HOST, compiler.rustc), ("rust-std", TRIPLE, compiler.std)):
        label = channel if channel in {"nightly", "stable", "beta"} else version.split(" ", maxsplit=1)[0]
        path = f"/dist/{day}/{component}-{label}-{triple}.tar.xz"
        lines.append(f"[pkg.{component}.target.{triple}]")
        if component == without:
            lines.append("available = false")
            continue
        server.files[path] = content
        lines += [
            "available = true",
            f'xz_url = "https://static.rust-lang.org{path}"',
            f'xz_hash = "{content.sha256}"',
        ]
    manifest = server.put(f"/dist/{day}/channel-rust-{channel}.toml", "\n".join(lines).encode())
    server.put(f"/dist/{day}/channel-rust-{channel}.toml.sha256", f"{manifest.sha256}  channel.toml\n".encode())


def publish_ci(server: DistServer, commit: str, compiler: Compiler, *, alt: bool = False) -> None:
    folder = f"/rustc-builds{'-alt' if alt else ''}/{commit}"
    server.files[f"{folder}/rustc-nightly-{HOST}.tar.xz"] = compiler.rustc
    server.files[f"{folder}/rust-std-nightly-{TRIPLE}.tar.xz"] = compiler.std


def archive(top: str, files: Mapping[str, bytes | str], *, ends: bool = True) -> bytes:
    """A tar.xz of files below `top`, a text being the target of a link; without its end, more may be appended."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.mode = 0o755 if "bin/" in name else 0o644
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        end = tar.offset
    data = out.getvalue() if ends else out.getvalue()[:end]
    return lzma.compress(data, preset=0)


def _ending(name: str) -> bytes:
    return archive("rustc-nightly", {"version": f"{name}\n".encode()})


def object_file(words: tuple[int, ...], function: str = "store_then_step") -> bytes:
    """An ELF object for AArch64 with one function: file header, code, symbols, two string tables, section headers."""
    code = b"".join(word.to_bytes(4, "little") for word in words)
    names = b"\0.text\0.symtab\0.strtab\0.shstrtab\0"
    strings = b"\0" + function.encode() + b"\0"
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1, 0x12, 0, 1, 0, len(code))
    blobs, at, offsets = (code, symbols, strings, names), 64, []
    body = b""
    for blob in blobs:
        offsets.append(at)
        padded = blob + bytes(-len(blob) % 8)
        body, at = body + padded, at + len(padded)
    text, symtab, strtab, shstrtab = offsets

    def section(
        name: bytes, kind: int, flags: int, offset: int, size: int, link: int, info: int, align: int, entry: int
    ) -> bytes:
        return struct.pack("<IIQQQQIIQQ", names.index(name), kind, flags, 0, offset, size, link, info, align, entry)

    sections = (
        bytes(64)
        + section(b".text", 1, 6, text, len(code), 0, 0, 4, 0)
        + section(b".symtab", 2, 0, symtab, len(symbols), 3, 1, 8, 24)
        + section(b".strtab", 3, 0, strtab, len(strings), 0, 0, 1, 0)
        + section(b".shstrtab", 3, 0, shstrtab, len(names), 0, 0, 1, 0)
    )
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 1, 183, 1, 0, 0, at, 0, 64, 0, 0, 64, 5, 4)
    return header + body + sections
