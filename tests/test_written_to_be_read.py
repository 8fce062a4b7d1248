"""Rules that no formatter holds: no comprehension inside another, typed public functions, ...

`python tests/test_written_to_be_read.py` lists what breaks them.
"""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = sorted((ROOT / "brainlib").rglob("*.py"))
FACES = [path for path in LIBRARY if path.name == "__init__.py"]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def nested(tree: ast.AST, kinds: tuple) -> list[int]:
    """Lines of nodes of these kinds that stand inside another of them."""
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, kinds):
            inside = [inner for inner in ast.walk(node) if inner is not node]
            lines |= {inner.lineno for inner in inside if isinstance(inner, kinds)}
    return sorted(lines)


def packed(tree: ast.AST) -> list[int]:
    """Lines on which a second statement stands behind a semicolon or a colon."""
    lines = []
    for node in ast.walk(tree):
        for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if not isinstance(body, list):
                continue
            starts = [statement.lineno for statement in body]
            lines += [line for line, before in zip(starts[1:], starts) if line == before]
    return sorted(lines)


def untyped(tree: ast.Module) -> list[str]:
    """Public functions and methods of a module with an argument or a result that has no type."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found += _untyped(node, node.name)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    found += _untyped(method, f"{node.name}.{method.name}")
    return found


def _untyped(function: ast.FunctionDef, name: str) -> list[str]:
    public = not function.name.startswith("_") or function.name == "__init__"
    if not public:
        return []
    plain = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    plain = [argument for argument in plain if argument.arg not in ("self", "cls")]
    open_ended = [one for one in (function.args.vararg, function.args.kwarg) if one]
    bare = [one.arg for one in [*plain, *open_ended] if one.annotation is None]
    if function.returns is None and function.name != "__init__":
        bare.append("return")
    return [f"{function.lineno}: {name} ({', '.join(bare)})"] if bare else []


def broken_rules(path: Path) -> list[str]:
    """What a file of the library breaks, one line each."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    where = path.relative_to(ROOT)
    lines = [f"{where}:{line}: comprehension in another" for line in nested(tree, COMPREHENSIONS)]
    lines += [f"{where}:{line}: condition in another" for line in nested(tree, (ast.IfExp,))]
    lines += [f"{where}:{line}: two statements on a line" for line in packed(tree)]
    if path in LIBRARY:
        lines += [f"{where}:{name} has no type" for name in untyped(tree)]
    return lines


@pytest.mark.parametrize("path", [*LIBRARY, *TESTS], ids=lambda path: path.stem)
def test_a_file_is_written_to_be_read(path):
    assert not broken_rules(path)


def replaced_by_modules(package: Path) -> list[str]:
    """Names that a package's face takes from one module while another module is called so.

    Whichever is imported last has the name.
    """
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    modules = {path.stem for path in package.glob("*.py")}
    own = ".".join(package.relative_to(ROOT).parts)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module != own:
            names = {one.asname or one.name for one in node.names}
            found += sorted(names & (modules - {node.module.rsplit(".", 1)[-1]}))
    return found


@pytest.mark.parametrize("face", FACES, ids=lambda path: path.parent.name)
def test_no_module_is_called_like_what_its_package_takes_from_another(face):
    assert not replaced_by_modules(face.parent)


def test_the_rules_find_what_they_are_for():
    tree = ast.parse("def f(a): return [[b for b in c] for c in a]\nd = 1 if e else 2 if g else 3")
    assert nested(tree, COMPREHENSIONS) == [1] and nested(tree, (ast.IfExp,)) == [2]
    assert untyped(tree) == ["1: f (a, return)"]
    assert packed(ast.parse("a = 1; b = 2")) == [1]


if __name__ == "__main__":
    wanted = sys.argv[1:]
    for one in [*LIBRARY, *TESTS]:
        if not wanted or any(word in str(one) for word in wanted):
            print("\n".join(broken_rules(one)), end="")
