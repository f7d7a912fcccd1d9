"""Reports by `alooma_pysdk`. Usage: with_alooma.py ADDRESS KEY EVENTS; ends when its input does.

The SDK has no way to wait for what it has not sent, so this program lives until it is told that
everything has come.
"""

import json
import sys
import time

import alooma_pysdk

address, key, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
failures = []
try:
    sdk = alooma_pysdk.PythonSDK(key, servers=address.removeprefix("http://"), use_ssl=False)
    for n in range(events):
        if not sdk.report({"n": n, "plan": "pro"}):
            failures.append(f"{n} was not taken")
        time.sleep(0.003)
    sys.stdin.read()
except alooma_pysdk.pysdk_exceptions.BadToken as error:
    failures.append(f"BadToken: {error}")
print(json.dumps(failures), flush=True)
