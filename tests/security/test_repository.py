"""No secret, no way to switch TLS off, no code from data, no package without its hash; read from the tracked files."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

# Written so that this file does not find itself.
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE " + rb"KEY-----")
CLOUD_KEY = re.compile(
    rb"\b(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35})\b"
)
# A name that means a secret, given a text of its own; a variable, a call or a type is none.
ASSIGNED = re.compile(r"""(?i)(?:password|passwd|secret|api[_-]?key|token)["']?\s*[:=]\s*["']([^"'{}]{3,})["']""")
ENV_LINE = re.compile(r"(?m)^[A-Z_]*(?:PASSWORD|SECRET|TOKEN|API_KEY)=(?!None$)(\S+)$")
TLS_OFF = re.compile(
    r"use_tls *= *False|tls_insecure_set|CERT_NONE|check_hostname *= *False|verify *= *False|_create_unverified"
)
CODE_FROM_DATA = re.compile(
    r"\b(?:import pickle|from pickle|pickle\.loads?|marshal\.loads?|yaml\.load\(|shell=True)|(?<![\w.])(?:eval|exec)\("
)
KEY_FILES = (".key", ".pem", ".p12", ".pfx", ".jks", ".env")
LOCKS = ("base", "drivers", "broker", "cloud", "test", "dev")


@pytest.fixture(scope="module")
def tracked() -> dict[str, bytes]:
    """Every tracked file, and those that are about to be."""
    root = Path(__file__).parents[2]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=30).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git here")
    names = [name for name in listed.decode().split("\0") if name and (root / name).is_file()]
    assert len(names) > 100
    return {name: (root / name).read_bytes() for name in names}


def code(tracked: dict[str, bytes]) -> dict[str, str]:
    own = {name: data.decode() for name, data in tracked.items() if name.endswith(".py")}
    return {name: text for name, text in own.items() if not name.startswith("tests/")}


def test_no_private_key_and_no_file_of_secrets(tracked: dict[str, bytes]) -> None:
    assert [name for name, data in tracked.items() if PRIVATE_KEY.search(data) or CLOUD_KEY.search(data)] == []
    assert [name for name in tracked if name.endswith(KEY_FILES)] == []


def test_no_password_outside_tests(tracked: dict[str, bytes]) -> None:
    """Tests make brokers that live for seconds, with passwords such as `x`; nobody else may."""
    found = []
    for name, data in tracked.items():
        if name.startswith("tests/") or b"\0" in data:
            continue
        text = data.decode(errors="replace")
        found += [f"{name}: {match.group(0)}" for rule in (ASSIGNED, ENV_LINE) for match in rule.finditer(text)]
    assert found == []


def test_the_scan_bites() -> None:
    assert PRIVATE_KEY.search(b"-----BEGIN EC PRIVATE " + b"KEY-----")
    assert ASSIGNED.search("pass" + "word = 'swordfish'") and ASSIGNED.search('"api_' + 'key": "abcdef"')
    assert ENV_LINE.search("GWS_CLOUD__PASS" + "WORD=swordfish") and not ENV_LINE.search("GWS_CLOUD__PASSWORD=None")
    assert CODE_FROM_DATA.search("x = eval(text)") and not CODE_FROM_DATA.search("model.eval(x)")


def test_nothing_switches_verification_off(tracked: dict[str, bytes]) -> None:
    assert [f"{name}: {m.group(0)}" for name, text in code(tracked).items() for m in TLS_OFF.finditer(text)] == []


def test_no_code_comes_from_data(tracked: dict[str, bytes]) -> None:
    found = [f"{name}: {m.group(0)}" for name, text in code(tracked).items() for m in CODE_FROM_DATA.finditer(text)]
    assert found == []


def test_git_ignores_secrets(repository: Path) -> None:
    for name in (".env", ".env.local", "ca/ca.key", "certs/1.key", "server.pem"):
        assert subprocess.run(["git", "check-ignore", "-q", name], cwd=repository, check=False).returncode == 0, name


@pytest.mark.parametrize("layer", LOCKS)
def test_every_locked_package_has_its_hash(repository: Path, layer: str) -> None:
    text = (repository / "requirements" / f"{layer}.txt").read_text().replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", "-"))]
    assert packages and all("==" in line and "--hash=sha256:" in line for line in packages)
    assert f"--require-hashes -r requirements/{layer}.txt" in (repository / "Makefile").read_text() or layer in (
        "base", "drivers", "broker", "cloud",
    )  # fmt: skip


def test_a_changed_package_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "harmless-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("harmless.py", "")
        archive.writestr("harmless-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: harmless\nVersion: 1.0\n")
        archive.writestr(
            "harmless-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("harmless-1.0.dist-info/RECORD", "")
    lock = tmp_path / "lock.txt"
    lock.write_text(f"harmless==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--require-hashes"]
    command += [
        "--no-index",
        "--no-cache-dir",
        "--find-links",
        str(tmp_path),
        "--target",
        str(tmp_path / "into"),
        "-r",
        str(lock),
    ]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no pip in this environment")
    assert subprocess.run(command, capture_output=True, timeout=50, check=False).returncode == 0
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("evil.py", "")
    done = subprocess.run([*command, "--upgrade"], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode != 0 and "DO NOT MATCH THE HASHES" in done.stderr
