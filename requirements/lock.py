"""Compile requirements/*.in to locked, hashed .txt files for all platforms, or check that they are current.

python requirements/lock.py            write the .txt files, keeping versions that still fit
python requirements/lock.py --upgrade  the same, taking the newest versions
python requirements/lock.py --check    change nothing; exit 1 when a .txt does not follow from its .in
python requirements/lock.py --aarch64  change nothing; exit 1 when a 64-bit Raspberry Pi lacks a wheel
"""

import difflib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# In order: a layer is constrained by the ones before it.
LAYERS = ("base", "drivers", "broker", "cloud", "fleet", "test", "dev")
PI_LAYERS = ("base", "drivers", "broker")
# Raspberry Pi OS Bookworm and Trixie: their Python and their C library.
PI_SYSTEMS = (("3.11", "aarch64-manylinux_2_36"), ("3.13", "aarch64-manylinux_2_40"))


def uv(*arguments: str, cwd: Path) -> None:
    """Run uv; its own message is shown and the exit code is 1 when it fails."""
    beside = Path(sys.executable).parent / "uv"
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        raise SystemExit("requirements: uv is missing: install requirements/dev.txt first")
    done = subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"requirements: uv {' '.join(arguments)} failed\n{done.stderr}")


def compile_layers(folder: Path, upgrade: bool) -> None:
    """Compile every layer in place; an existing .txt is the preference, so a new release changes nothing."""
    for layer in LAYERS:
        options = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--quiet"]
        options += ["--python-version", "3.11", "--custom-compile-command", "make lock"]
        options += ["--upgrade"] if upgrade else []
        uv("pip", "compile", *options, "--output-file", f"{layer}.txt", f"{layer}.in", cwd=folder)


def check() -> int:
    """Compile a copy and compare it with what is committed."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for source in [*FOLDER.glob("*.in"), *FOLDER.glob("*.txt")]:
            shutil.copy(source, copy / source.name)
        compile_layers(copy, upgrade=False)
        changed = False
        for layer in LAYERS:
            committed = FOLDER / f"{layer}.txt"
            before = committed.read_text().splitlines() if committed.exists() else []
            after = (copy / f"{layer}.txt").read_text().splitlines()
            difference = list(difflib.unified_diff(before, after, f"{layer}.txt", f"{layer}.txt wanted", lineterm=""))
            if difference:
                changed = True
                print("\n".join(difference[:20]))
    if changed:
        print("requirements: a lock file does not follow from its .in file: run `make lock`", file=sys.stderr)
    return 1 if changed else 0


def check_aarch64() -> int:
    """Resolve what a Raspberry Pi installs from wheels only; nothing is installed."""
    for python, platform in PI_SYSTEMS:
        with tempfile.TemporaryDirectory() as target:
            options = ["--dry-run", "--quiet", "--only-binary", ":all:", "--require-hashes", "--target", target]
            options += ["--python-version", python, "--python-platform", platform]
            files = [word for layer in PI_LAYERS for word in ("-r", f"{layer}.txt")]
            uv("pip", "install", "--python", sys.executable, *options, *files, cwd=FOLDER)
        print(f"requirements: {', '.join(PI_LAYERS)} resolve from wheels on {platform}, Python {python}")
    return 0


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        return check()
    if arguments == ["--aarch64"]:
        return check_aarch64()
    if arguments in ([], ["--upgrade"]):
        compile_layers(FOLDER, upgrade=bool(arguments))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
