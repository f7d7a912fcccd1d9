"""Tracks by `segment-analytics-python`. Usage: with_segment.py ADDRESS KEY EVENTS; one of each other kind follows."""

import sys

import segment.analytics as analytics

import calls

analytics.host, analytics.write_key = sys.argv[1], sys.argv[2]
calls.make(analytics, int(sys.argv[3]))
