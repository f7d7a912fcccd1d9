#!/bin/sh
# Tracks orders and asks for them, with curl.
#
#   WEIR_URL=http://127.0.0.1:8080 WEIR_CLIENT_ID=… WEIR_CLIENT_SECRET=… WEIR_WRITE_KEY=… ./events.sh
#
# What is secret goes to curl through a file that only you can read, or, as here, through standard
# input: others on the machine can see a command's arguments.
set -eu
url=${WEIR_URL:-http://127.0.0.1:8080}
namespace=example-curl

# Posts, and again after what a busy or restarting Weir asks for in Retry-After.
post() {
    path=$1
    shift
    curl --silent --show-error --fail-with-body --retry 6 --retry-connrefused --config - "$@" "$url$path"
}

# A token, by OAuth2 client credentials. It is good for an hour: keep it and use it again.
token=$(echo "user = \"$WEIR_CLIENT_ID:$WEIR_CLIENT_SECRET\"" |
    post /o/token/ --data grant_type=client_credentials | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
bearer="header = \"Authorization: Bearer $token\""

# One event.
event="{\"namespace\":\"$namespace\",\"name\":\"order\",\"value\":12.5,\"actor\":\"ada\",\"properties\":{\"plan\":\"pro\"}}"
echo "$bearer" | post /api/track/ --json "$event"
echo

# Many at once, one a line. With an Idempotency-Key the same request may be sent again, whatever
# became of its answer, and is counted once.
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
lines=$(for value in 1 2 3; do echo "{\"namespace\":\"$namespace\",\"name\":\"order\",\"value\":$value}"; done)
for _ in first again; do
    echo "$bearer" | post /api/track/ --header "Idempotency-Key: $key" \
        --header 'Content-Type: application/x-ndjson' --data-binary "$lines"
    echo
done

# With a write key as the user and no password, no token is needed. It can write and nothing else.
echo "user = \"$WEIR_WRITE_KEY:\"" |
    post /api/track/ --json "{\"namespace\":\"$namespace\",\"name\":\"order\",\"value\":4}"
echo

for aggregation in count sum; do
    echo "$bearer" | curl --silent --show-error --fail-with-body --config - \
        "$url/api/events/$namespace/order?granularity=day&aggregationType=$aggregation"
    echo
done
