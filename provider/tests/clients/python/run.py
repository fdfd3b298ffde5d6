"""Runs the flows, or with --list names them: tab-separated status, library, version, flow, detail."""

import sys

import authlib_flows
import oic_flows

for library in (authlib_flows.library, oic_flows.library):
    library.run(only_list="--list" in sys.argv[1:])
