"""Tracks by `rudder-sdk-python`. Usage: with_rudder.py ADDRESS KEY EVENTS; one of each other kind follows."""

import sys

import rudderstack.analytics as analytics

import calls

analytics.dataPlaneUrl, analytics.write_key = sys.argv[1], sys.argv[2]
calls.make(analytics, int(sys.argv[3]))
