#!/usr/bin/env python3
"""Builds the bundled plugins and the test fixtures.

    python wasm-plugins/build.py [name…]            build, and update each .wasm and its sha256
    python wasm-plugins/build.py --check [name…]    build elsewhere and compare with the committed files

A plugin is a folder with a `plugin.json` and a `Cargo.toml`; the source of a fixture may instead be
`<folder>.wat`. The target is wasm32-wasip1 unless Cargo.toml names another:

    [package.metadata.hostbridge]
    target = "wasm32-unknown-unknown"

The same compiler produces the same bytes for any user, folder and CARGO_HOME, because absolute paths
are mapped to fixed names.

Requires Python 3.11, cargo and both targets (`rustup target add wasm32-wasip1 wasm32-unknown-unknown`).
WAT also requires the package wasmtime in the version that pyproject.toml pins; `make plugins` installs it.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
DEFAULT_TARGET = "wasm32-wasip1"
RUSTC = os.environ.get("RUSTC", "rustc")
VERSION_FILE = ROOT / "rustc-version.txt"


class BuildError(Exception):
    """The message says, in one line, what is wrong and how to fix it."""


@dataclass(frozen=True)
class Plugin:
    """A folder that builds to one .wasm."""

    folder: Path
    crate: str
    """The name in Cargo.toml; empty for WAT."""
    target: str = ""
    """The target of rustc; empty for WAT."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def manifest(self) -> Path:
        return self.folder / "plugin.json"

    @property
    def wat(self) -> Path:
        return self.folder / f"{self.name}.wat"

    @property
    def wasm(self) -> Path:
        return self.folder / self._recorded("path")

    def recorded_sha256(self) -> str:
        return self._recorded("sha256")

    def _recorded(self, member: str) -> str:
        return str(json.loads(self.manifest.read_text("utf-8"))["wasm"][member])

    def record_sha256(self, digest: str) -> None:
        """Replaces only the digest, to preserve the author's formatting."""
        text = self.manifest.read_text("utf-8")
        new, count = re.subn(r'("sha256"\s*:\s*")[^"]*(")', rf"\g<1>{digest}\g<2>", text)
        if count != 1:
            raise BuildError(f'{self.manifest}: expected one "sha256", found {count}')
        if new != text:
            self.manifest.write_text(new, "utf-8")


def find_plugins(names: list[str]) -> list[Plugin]:
    manifests = sorted([*ROOT.glob("*/plugin.json"), *ROOT.glob("fixtures/*/plugin.json")])
    plugins = [plugin_in(path.parent) for path in manifests]
    plugins = [plugin for plugin in plugins if plugin.crate or plugin.wat.exists()]
    known = [plugin.name for plugin in plugins]
    if unknown := [name for name in names if name not in known]:
        raise BuildError(f"no plugin named {', '.join(unknown)}; there are {', '.join(known)}")
    return [plugin for plugin in plugins if not names or plugin.name in names]


def plugin_in(folder: Path) -> Plugin:
    cargo = folder / "Cargo.toml"
    if not cargo.exists():
        return Plugin(folder, crate="")
    package = tomllib.loads(cargo.read_text("utf-8"))["package"]
    ours = package.get("metadata", {}).get("hostbridge", {})
    return Plugin(folder, crate=package["name"], target=ours.get("target", DEFAULT_TARGET))


def output_of(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} is not installed; see https://rustup.rs") from None
    if done.returncode:
        raise BuildError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


def require_toolchain(target: str) -> str:
    """One line that identifies the compiler for this target. Raises BuildError if something is missing.

    The same version of rustc may come with different standard libraries and linkers, for example from
    rustup or from a distribution, so the line ends with a fingerprint of them.
    """
    output_of("cargo", "--version")
    version = output_of(RUSTC, "--version")
    libraries = Path(output_of(RUSTC, "--print", "target-libdir", "--target", target))
    if not libraries.is_dir():
        raise BuildError(f"{version} cannot build for {target}: run `rustup target add {target}`")
    sysroot = Path(output_of(RUSTC, "--print", "sysroot"))
    linkers = sysroot.glob("lib/rustlib/*/bin/rust-lld")
    digest = hashlib.sha256()
    for part in [*sorted(libraries.glob("*.rlib")), *sorted(linkers)]:
        digest.update(part.read_bytes())
    return f"{version} library {digest.hexdigest()[:16]}"


def rust_flags() -> list[str]:
    """The flags of .cargo/config.toml, which these replace, and fixed names for absolute paths."""
    cargo_home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo").resolve()
    flags = ["-Ctarget-feature=+simd128", f"--remap-path-prefix={ROOT}=."]
    # The folder below `src` is named after the registry's URL, so a mirror has a different one.
    flags += [
        f"--remap-path-prefix={folder}=/crates"
        for folder in sorted((cargo_home / "registry" / "src").glob("*"))
    ]
    return flags


def targets_of(plugins: list[Plugin]) -> list[str]:
    return sorted({plugin.target for plugin in plugins if plugin.crate})


def compile_plugins(plugins: list[Plugin], target_dir: Path) -> dict[Plugin, bytes]:
    crates = [plugin for plugin in plugins if plugin.crate]
    built = compile_crates(crates, target_dir) if crates else {}
    return built | {plugin: assemble(plugin.wat) for plugin in plugins if not plugin.crate}


def assemble(wat: Path) -> bytes:
    try:
        import wasmtime  # noqa: PLC0415 -- Rust builds without it, with any Python
    except ImportError:
        raise BuildError("the Python package wasmtime is missing: run `make plugins`") from None
    try:
        return bytes(wasmtime.wat2wasm(wat.read_text("utf-8")))
    except wasmtime.WasmtimeError as error:
        raise BuildError(f"{wat}: {error}") from None


def compile_crates(plugins: list[Plugin], target_dir: Path) -> dict[Plugin, bytes]:
    # The sources must be unpacked before their folders can be mapped.
    targets = [f"--target={target}" for target in targets_of(plugins)]
    try:
        output_of("cargo", "fetch", "--quiet", "--locked", *targets)
    except BuildError as error:
        if "lock file" in str(error):
            raise BuildError("Cargo.lock is out of date: run `cargo update --workspace`") from None
        raise
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--target-dir", str(target_dir)]
    env = {**os.environ, "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(rust_flags())}
    sysroot = Path(output_of(RUSTC, "--print", "sysroot")).resolve()
    built = {}
    for plugin in plugins:
        print(f"building {plugin.name}", flush=True)
        # One at a time: built together, plugins would share all features that any of them enables, and
        # the bytes of one would depend on the others.
        one = [*command, "--target", plugin.target, "--package", plugin.crate]
        if subprocess.run(one, cwd=ROOT, env=env, check=False).returncode:
            raise BuildError(f"{plugin.name} does not build; see the error above")
        wasm = target_dir / plugin.target / "release" / f"{plugin.crate.replace('-', '_')}.wasm"
        built[plugin] = without_folder(wasm.read_bytes(), sysroot)
    return built


def without_folder(wasm: bytes, sysroot: Path) -> bytes:
    """Removes the compiler's own folder from panic messages.

    rustup's standard library names its sources `/rustc/<commit>/…`, but one built by a distribution
    contains its install folder. Slashes fill the gap, because the length must not change.
    """
    source = f"{sysroot}/lib/rustlib/src/rust/".encode()
    return wasm.replace(source, b"/rustc".ljust(len(source), b"/"))


def recorded_compilers() -> dict[str, str]:
    """The compiler line of each plugin. An author with another compiler can rebuild just one plugin."""
    if not VERSION_FILE.exists():
        return {}
    lines = VERSION_FILE.read_text("utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line)


def build(plugins: list[Plugin], toolchains: dict[str, str]) -> None:
    """`toolchains` maps each target to the line from `require_toolchain`."""
    compilers = recorded_compilers()
    for plugin, wasm in compile_plugins(plugins, ROOT / "target").items():
        digest = hashlib.sha256(wasm).hexdigest()
        plugin.wasm.write_bytes(wasm)
        plugin.record_sha256(digest)
        if plugin.crate:
            compilers[plugin.name] = toolchains[plugin.target]
        print(f"{plugin.name:17} {len(wasm):>9,} bytes  sha256 {digest[:16]}…")
    present = {plugin.name for plugin in find_plugins([])}
    lines = [f"{name}: {line}\n" for name, line in sorted(compilers.items()) if name in present]
    VERSION_FILE.write_text("".join(lines), "utf-8")


def check(plugins: list[Plugin], toolchains: dict[str, str]) -> None:
    """Raises BuildError with a list of everything that differs from the committed files."""
    compilers = recorded_compilers()
    with tempfile.TemporaryDirectory(prefix="hostbridge-plugins-") as folder:
        built = compile_plugins(plugins, Path(folder))
    errors = []
    for plugin, wasm in built.items():
        if error := committed_error(plugin):
            errors.append(error)
        elif plugin.crate and compilers.get(plugin.name) != toolchains[plugin.target]:
            print(f"{plugin.name}: not compared, because another compiler built the committed bytes")
            print(f"  here:      {toolchains[plugin.target]}")
            print(f"  committed: {compilers.get(plugin.name, 'unknown')}")
        elif plugin.wasm.read_bytes() != wasm:
            errors.append(f"{plugin.name}: the source does not build to the committed .wasm")
        else:
            print(f"{plugin.name}: builds to the committed bytes")
    if errors:
        raise BuildError("\n  ".join(["run `python wasm-plugins/build.py` and commit the result:", *errors]))


def committed_error(plugin: Plugin) -> str | None:
    """What is wrong with the committed files themselves, for any compiler."""
    if not plugin.wasm.exists():
        return f"{plugin.name}: {plugin.wasm.name} is missing"
    if hashlib.sha256(plugin.wasm.read_bytes()).hexdigest() != plugin.recorded_sha256():
        return f"{plugin.name}: the sha256 in plugin.json is not that of {plugin.wasm.name}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds the bundled plugins and test fixtures.")
    parser.add_argument("--check", action="store_true", help="compare with the committed files")
    parser.add_argument("names", nargs="*", metavar="name", help="folders to build; all by default")
    options = parser.parse_args()
    try:
        plugins = find_plugins(options.names)
        toolchains = {target: require_toolchain(target) for target in targets_of(plugins)}
        (check if options.check else build)(plugins, toolchains)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
