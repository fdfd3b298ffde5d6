"""Getting the programs: ours are built, the peers are installed outside the repository."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS = ROOT / "scripts" / "peers"


class Missing(Exception):
    """A program cannot be had; the message says which and why."""


def run(command, **options):
    """Runs a command and lets it talk; an error says which one failed."""
    shown = " ".join(map(str, command))
    print(f"$ {shown}", flush=True)
    try:
        subprocess.run(command, check=True, **options)
    except FileNotFoundError as error:
        raise Missing(f"`{command[0]}` is not installed") from error
    except subprocess.CalledProcessError as error:
        raise Missing(f"`{shown}` failed with exit code {error.returncode}") from error


def target_directory():
    text = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    return Path(json.loads(text)["target_directory"])


def build(packages):
    """Builds programs of ours in release; the folder that they are in."""
    chosen = [part for package in packages for part in ("-p", package)]
    if "oauth-gauntlet-provider" in packages:
        chosen += ["--features", "oauth-gauntlet-provider/cli"]
    run(["cargo", "build", "--release", "--locked", *chosen], cwd=ROOT)
    return target_directory() / "release"


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "oauth-gauntlet" / "peers"


def peer_folder():
    """Where the peers are installed; another for each version of the list."""
    digest = hashlib.sha256()
    for path in sorted(path for path in PEERS.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(PEERS)).encode())
        digest.update(path.read_bytes())
    return cache() / digest.hexdigest()[:16]


def install_npm_peers():
    """Installs the npm peers; the folder with their start-up scripts."""
    folder = peer_folder() / "npm"
    done = folder / ".installed"
    if not done.exists():
        copy([path for path in PEERS.iterdir() if path.suffix in (".mjs", ".json")], folder)
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
        done.touch()
    return folder


def install_cargo_peer():
    """Builds the peer from crates.io; its program."""
    folder = peer_folder() / "oauth2-test-server"
    target = cache() / "target"
    program = folder / "peer-oauth2-test-server"
    if not program.exists():
        source = PEERS / "oauth2-test-server"
        copy([source / "Cargo.toml", source / "Cargo.lock"], folder)
        copy([source / "src" / "main.rs"], folder / "src")
        run(
            ["cargo", "build", "--release", "--locked"],
            cwd=folder, env={**os.environ, "CARGO_TARGET_DIR": str(target)},
        )
        shutil.copy2(target / "release" / program.name, program)
    return program


def copy(files, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy2(file, folder)


def npm_versions():
    """Versions of the npm peers, as pinned."""
    return json.loads((PEERS / "package.json").read_text())["dependencies"]


def cargo_peer_version():
    for line in (PEERS / "oauth2-test-server" / "Cargo.toml").read_text().splitlines():
        if line.startswith("oauth2-test-server ="):
            return line.split('"')[1].lstrip("=")
    raise RuntimeError("scripts/peers/oauth2-test-server/Cargo.toml pins no version")
