"""The machine: what it is, which core does what, what a process needs of it. Linux only."""

import datetime
import os
import platform
import resource
import subprocess
from pathlib import Path

# The server has one core and the load the other.
SERVER_CORE, LOAD_CORE = 0, 1


def check():
    """Why nothing can be measured here, or None."""
    if platform.system() != "Linux":
        return "measuring needs Linux: processes are pinned to cores and read in /proc"
    available = os.sched_getaffinity(0)
    if not {SERVER_CORE, LOAD_CORE} <= available:
        return f"measuring needs the cores {SERVER_CORE} and {LOAD_CORE}; this process may use {sorted(available)}"
    return None


def describe():
    """The machine in one line, without its name."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"


def keep_off_the_servers_core():
    """From now on this process, and what it starts unless told otherwise, runs beside the load."""
    os.sched_setaffinity(0, {LOAD_CORE})


def allow_open_files():
    """Lifts the limit on open files as far as it goes; how far that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def load_average():
    return os.getloadavg()[0]


def today():
    return datetime.date.today().isoformat()


def version(*command):
    """The first line of what a program says about its version."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def resident_mib(pid):
    """Memory of a process, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory: it has ended")


def core_seconds(pid):
    """The time that a process has spent on a core, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
