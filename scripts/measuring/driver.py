"""The load: runs the driver on its core and reads what it says."""

import json
import time

from . import machine
from .processes import Failed, Process, tail


class Driver:
    def __init__(self, program):
        self.program = program

    def run(self, *arguments, core=machine.LOAD_CORE, limit=3600.0, meanwhile=None):
        """One run; its report. A wrong answer among them makes it fail.

        `meanwhile` is called again and again while it goes on."""
        process = Process(
            "load", [self.program, *arguments], core=core, environment={"RUST_BACKTRACE": "0"}
        )
        until = time.monotonic() + limit
        try:
            while not process.ended():
                if time.monotonic() > until:
                    raise Failed(f"the driver took longer than {limit:.0f} s")
                if meanwhile:
                    meanwhile()
                time.sleep(0.02)
            try:
                report = json.loads(process.output())
            except json.JSONDecodeError:
                raise Failed(tail(process)) from None
        finally:
            process.end()
        if report["errors"]:
            wrong = "; ".join(f"{count} × {what}" for what, count in report["wrong"].items())
            raise Failed(f"{report['errors']} wrong answers: {wrong}")
        if not report["count"]:
            raise Failed("nothing was done within the time")
        return report
