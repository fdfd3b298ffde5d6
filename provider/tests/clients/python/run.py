"""Runs the flows, or with --list names them: tab-separated status, library, version, flow, detail."""

import sys

import authlib_key_flows
import oic_key_flows

for library in (authlib_key_flows.library, oic_key_flows.library):
    library.run(only_list="--list" in sys.argv[1:])
