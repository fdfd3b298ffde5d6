"""Processes that are measured: started on a core, waited for, and ended whatever happens."""

import os
import signal
import socket
import tempfile
import time
from pathlib import Path

from . import machine

_running = []


class Failed(Exception):
    """Something could not be measured; the message says what and why."""


class Process:
    """A program on one core, whose output goes to a file."""

    def __init__(self, name, command, core=machine.SERVER_CORE, cwd=None, environment=None):
        self.name = name
        self.log = tempfile.NamedTemporaryFile(prefix="measured-", suffix=".log")
        self.code = None
        command = [str(part) for part in command]
        output = self.log.fileno()
        actions = [
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
        ]
        # The child takes over where this process may run, so that nothing stands between the
        # start and the program itself.
        own, folder = os.sched_getaffinity(0), os.getcwd()
        os.sched_setaffinity(0, {core})
        if cwd:
            os.chdir(cwd)
        try:
            self.started = time.perf_counter()
            self.pid = os.posix_spawnp(
                command[0], command, {**os.environ, **(environment or {})}, file_actions=actions
            )
        except OSError as error:
            raise Failed(f"{name} does not start: {error}") from error
        finally:
            os.sched_setaffinity(0, own)
            os.chdir(folder)
        _running.append(self)

    def ended(self):
        """Whether it is over by now."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
                _running.remove(self)
        return self.code is not None

    def output(self):
        return Path(self.log.name).read_text(errors="replace")

    def pause(self):
        """Takes the core away: nothing but what is measured shall run."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def end(self):
        """Ends it by its id: asks first, then does not ask."""
        for sign, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            if self.ended():
                break
            os.kill(self.pid, sign)
            os.kill(self.pid, signal.SIGCONT)
            until = time.monotonic() + patience
            while not self.ended() and time.monotonic() < until:
                time.sleep(0.002)
        self.log.close()


def end_all():
    for process in list(_running):
        process.end()


def end_on_signals():
    """Makes an end from outside an exception, so that `finally` and `end_all` have their say."""

    def stop(number, _frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_answered(process, port, path, limit=30.0):
    """Asks until the answer is 200; the milliseconds from the start of the process to it."""
    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n".encode()
    until = process.started + limit
    while time.perf_counter() < until:
        if answers(port, request):
            return (time.perf_counter() - process.started) * 1000
        if process.ended():
            raise Failed(f"{process.name} ended with exit code {process.code}: {tail(process)}")
        time.sleep(0.0001)
    raise Failed(f"{process.name} did not answer {path} within {limit:.0f} s: {tail(process)}")


def answers(port, request):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
            stream.sendall(request)
            head = b""
            while b"\r\n" not in head:
                part = stream.recv(4096)
                if not part:
                    return False
                head += part
            return head.startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def tail(process):
    lines = process.output().strip().splitlines()
    return " / ".join(lines[-5:]) or "no output"
