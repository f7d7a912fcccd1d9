"""Runs the published tap-pendo as its users do, but against the Pendo that PENDO_BASE_URL names and without its pauses.

Usage: publishedtap.py as tap-pendo, by the Python of an environment with requirements-pendo.txt

Nothing of it is changed: what stands between it and Python is. It was made for a Python whose `collections` had
the abstract classes, its address is fixed, and it waits two seconds before each request.
"""

import collections
import collections.abc
import os
import sys
import time

BASES = ("https://app.pendo.io", "https://app.eu.pendo.io")


def main():
    for name in ("Callable", "Iterable", "Mapping", "MutableMapping", "Sequence"):
        setattr(collections, name, getattr(collections.abc, name))
    time.sleep = lambda seconds: None
    # Its last line says what is wrong; the way there is its own affair.
    sys.tracebacklimit = 0
    redirect(os.environ["PENDO_BASE_URL"])
    sys.argv[0] = "tap-pendo"
    from tap_pendo import main as tap

    tap()


def redirect(base):
    import requests

    send = requests.Session.send

    def send_there(session, request, **options):
        for own in BASES:
            if request.url.startswith(own):
                request.url = base + request.url[len(own) :]
        return send(session, request, **options)

    requests.Session.send = send_there


if __name__ == "__main__":
    main()
