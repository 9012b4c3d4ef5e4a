#!/usr/bin/env python3
"""Builds the bundled plugins and the test fixtures.

    python wasm-plugins/build.py [name…]            build, and refresh the .wasm and its sha256
    python wasm-plugins/build.py --check [name…]    build elsewhere and compare with what is committed

A plugin is a folder with a `plugin.json` and a `Cargo.toml`; a fixture may have its source as
`<folder>.wat` instead. It is built for wasm32-wasip1, or for the target that its Cargo.toml names:

    [package.metadata.hostbridge]
    target = "wasm32-unknown-unknown"

The same compiler gives the same bytes whatever the user, the folder and
CARGO_HOME: absolute paths are mapped to fixed names.
Needs Python 3.11, cargo, and the targets (`rustup target add wasm32-wasip1 wasm32-unknown-unknown`);
for WAT, the package wasmtime in the version that pyproject.toml pins, which `make plugins` sees to.
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
    """What is wrong and how to mend it, in a line."""


@dataclass(frozen=True)
class Plugin:
    """One folder that builds to one .wasm."""

    folder: Path
    crate: str
    """Its name in Cargo.toml; empty if the source is WAT."""
    target: str = ""
    """What rustc builds it for; empty if the source is WAT."""

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
        """Replaces the digest in the text, so that the author's formatting stays."""
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
    """What decides the bytes for this target, in a line. Says how to get what is missing.

    One version of rustc may come with different standard libraries and linkers (rustup's, a
    distribution's), so the line ends in a fingerprint of those.
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
    """The flags of .cargo/config.toml (which these replace), and fixed names for every path."""
    cargo_home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo").resolve()
    flags = ["-Ctarget-feature=+simd128", f"--remap-path-prefix={ROOT}=."]
    # The folder below `src` is named after the registry's URL, so a mirror has another one.
    flags += [
        f"--remap-path-prefix={folder}=/crates"
        for folder in sorted((cargo_home / "registry" / "src").glob("*"))
    ]
    return flags


def targets_of(plugins: list[Plugin]) -> list[str]:
    return sorted({plugin.target for plugin in plugins if plugin.crate})


def compile_plugins(plugins: list[Plugin], target_dir: Path) -> dict[Plugin, bytes]:
    """The bytes by plugin."""
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
    # The sources must lie unpacked before their folders can be mapped.
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
        # One at a time: built together, they would share the features that any of them asks for,
        # and a plugin's bytes would depend on its neighbours.
        one = [*command, "--target", plugin.target, "--package", plugin.crate]
        if subprocess.run(one, cwd=ROOT, env=env, check=False).returncode:
            raise BuildError(f"{plugin.name} does not build; the reason is above")
        wasm = target_dir / plugin.target / "release" / f"{plugin.crate.replace('-', '_')}.wasm"
        built[plugin] = without_folder(wasm.read_bytes(), sysroot)
    return built


def without_folder(wasm: bytes, sysroot: Path) -> bytes:
    """Takes the compiler's own folder out of panic messages.

    rustup's standard library names its sources `/rustc/<commit>/…`; one built by a distribution
    has its install folder baked in. The length must stay, so slashes fill the gap.
    """
    source = f"{sysroot}/lib/rustlib/src/rust/".encode()
    return wasm.replace(source, b"/rustc".ljust(len(source), b"/"))


def recorded_compilers() -> dict[str, str]:
    """By plugin: an author with another compiler can build one without touching the others."""
    if not VERSION_FILE.exists():
        return {}
    lines = VERSION_FILE.read_text("utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line)


def build(plugins: list[Plugin], toolchains: dict[str, str]) -> None:
    """`toolchains`: what decides the bytes, by target."""
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
    """Fails with a list of what differs from the committed files."""
    compilers = recorded_compilers()
    with tempfile.TemporaryDirectory(prefix="hostbridge-plugins-") as folder:
        built = compile_plugins(plugins, Path(folder))
    faults = []
    for plugin, wasm in built.items():
        if fault := fault_of_committed(plugin):
            faults.append(fault)
        elif plugin.crate and compilers.get(plugin.name) != toolchains[plugin.target]:
            print(f"{plugin.name}: bytes not compared, the committed ones are by another compiler")
            print(f"  here:      {toolchains[plugin.target]}")
            print(f"  committed: {compilers.get(plugin.name, 'unknown')}")
        elif plugin.wasm.read_bytes() != wasm:
            faults.append(f"{plugin.name}: the committed .wasm is not what its source builds to")
        else:
            print(f"{plugin.name}: builds to the committed bytes")
    if faults:
        raise BuildError("\n  ".join(["run `python wasm-plugins/build.py` and commit:", *faults]))


def fault_of_committed(plugin: Plugin) -> str | None:
    """What is wrong with the committed files themselves, whatever the compiler."""
    if not plugin.wasm.exists():
        return f"{plugin.name}: {plugin.wasm.name} is missing"
    if hashlib.sha256(plugin.wasm.read_bytes()).hexdigest() != plugin.recorded_sha256():
        return f"{plugin.name}: plugin.json has another sha256 than {plugin.wasm.name}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds the bundled plugins and test fixtures.")
    parser.add_argument("--check", action="store_true", help="compare with the committed files")
    parser.add_argument("names", nargs="*", metavar="name", help="folder names; all when left out")
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
