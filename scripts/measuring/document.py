"""docs/performance.md: the parts between markers are written here, the rest by people."""

import hashlib
import re
import statistics
import tomllib

from .programs import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"

# The packages that are measured, and those that measure. What they depend on counts; what others
# of the workspace depend on does not.
PACKAGES = ("oauth-gauntlet-provider", "oauth-gauntlet-load")

# What the figures depend on. Whoever changes one of these has figures of something else.
INPUTS = (
    "provider/Cargo.toml",
    "provider/src",
    "provider/benches",
    "scripts/measuring",
    "scripts/load",
    "scripts/peers",
)


# Where the unit tests of a file begin, which are its end. No figure depends on them.
TESTS = re.compile(rb"#\[cfg\(test\)\]\n[^\n]*mod tests \{")


def stamp(script):
    """A hash of everything that the figures of a script depend on."""
    digest = hashlib.sha256(dependencies().encode())
    for name in (*INPUTS, f"scripts/{script}"):
        path = ROOT / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(ROOT)).encode())
                digest.update(TESTS.split(file.read_bytes())[0])
    return digest.hexdigest()[:16]


def dependencies():
    """What Cargo.lock says of the packages and of all that they depend on, a line each."""
    by_name = {}
    for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]:
        by_name.setdefault(package["name"], []).append(package)
    found, waiting = {}, list(PACKAGES)
    while waiting:
        # "name", or "name version" where there are several.
        name, _, version = waiting.pop().partition(" ")
        for package in by_name[name]:
            key = (name, package["version"])
            if key not in found and version in ("", package["version"]):
                found[key] = package.get("checksum", "")
                waiting += package.get("dependencies", [])
    return "\n".join(" ".join((*key, found[key])) for key in sorted(found))


def markers(script):
    begin = re.compile(rf"<!-- {script}: begin(?P<stamp>[^>]*)-->\n")
    return begin, f"<!-- {script}: end -->"


def place(script, text):
    """Writes a script's part of the document."""
    document = DOCUMENT.read_text()
    begin, end = markers(script)
    found = begin.search(document)
    if not found or end not in document[found.end():]:
        raise RuntimeError(f"{DOCUMENT.name} has no markers for {script}")
    rest = document[document.index(end, found.end()):]
    first = f"<!-- {script}: begin; inputs {stamp(script)} -->\n"
    DOCUMENT.write_text(f"{document[:found.start()]}{first}\n{text.strip()}\n\n{rest}")


def check(script):
    """Whether the document's figures are those of this tree: None, or what is wrong."""
    found = markers(script)[0].search(DOCUMENT.read_text())
    if not found or "inputs" not in found["stamp"]:
        return f"docs/performance.md holds no figures of scripts/{script}"
    if stamp(script) not in found["stamp"]:
        return (
            f"docs/performance.md is stale: what scripts/{script} measures has changed since; "
            f"run scripts/{script}"
        )
    return None


def table(head, rows):
    """A table; the first column is text, the others are figures."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def number(value):
    """A figure with three digits that mean something."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values):
    """By how much the rounds differ, as a share of the median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def middle(values):
    values = list(values or [])
    return statistics.median(values) if values else None


class Goal:
    """What is asked for, and whether it is there."""

    def __init__(self, what, measured, against, ratio, goal, met):
        self.what, self.measured, self.against = what, measured, against
        self.ratio, self.goal, self.met = ratio, goal, met

    def row(self):
        met = {True: "yes", False: "**no**", None: "not measured"}[self.met]
        return [self.what, self.measured, self.against, self.ratio, self.goal, met]


def at_most_apart(what, share, limit):
    """At most so far from where it began, in either direction."""
    met = None if share is None else abs(share) <= limit
    shown = "-" if share is None else f"{share:+.1%}"
    return Goal(what, shown, "", "", f"within ±{limit:.0%}", met)


def at_most(what, value, unit, limit):
    met = None if value is None else value <= limit
    shown = "-" if value is None else f"{number(value)} {unit}"
    return Goal(what, shown, "", "", f"≤ {limit:g} {unit}", met)


def at_least_of(what, value, unit, reference, reference_name, ratio, share):
    """At least a share of what something else reaches."""
    met = None if ratio is None else ratio >= share
    goal = f"≥ {share:.0%}" if share < 1 else f"≥ {share:g} ×"
    shown_ratio = "-"
    if ratio is not None:
        shown_ratio = f"{ratio:.0%}" if share < 1 else f"{ratio:.2f} ×"
    against = "-" if reference is None else f"{number(reference)} ({reference_name})"
    shown = "-" if value is None else f"{number(value)} {unit}"
    return Goal(what, shown, against, shown_ratio, goal, met)


GOAL_HEAD = ["", "measured", "against", "ratio", "goal", "met"]


def goals_sentence(goals):
    missing = [goal.what for goal in goals if goal.met is None]
    failed = [goal.what for goal in goals if goal.met is False]
    met = sum(goal.met is True for goal in goals)
    text = f"{met} of {len(goals)} goals are met."
    if failed:
        text += f" Not met: {'; '.join(failed)}."
    if missing:
        text += f" Not measured: {'; '.join(missing)}."
    return text
