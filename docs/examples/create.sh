#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# create.sh NAME [DOMID]: has a snapshot made of domain DOMID, or in a guest of the guest itself, and says how it ended.
# Of Xen's programs it needs xenstore-write, xenstore-read and xenstore-watch.
set -eu
snapshot=${2:+/local/domain/$2/}snapshot # without DOMID the guest's own, whatever its domid is and becomes
id=sh-$$-$(date +%s)
dir=$(mktemp -d)
watch=
trap 'kill $watch 2> /dev/null && wait $watch 2> /dev/null || true; rm -rf "$dir"' EXIT

# The watch is there before the request is. Each event says "look again"; the first comes at once.
mkfifo "$dir/events"
xenstore-watch "$snapshot/status/$id" > "$dir/events" &
watch=$!
exec 3< "$dir/events"

xenstore-read "$snapshot/request" > /dev/null # there is an agent
xenstore-write "$snapshot/request/$id/operation" create "$snapshot/request/$id/name" "$1" # one transaction

told=
while read -r _ <&3; do
    state=$(xenstore-read "$snapshot/status/$id/state" 2> /dev/null) || continue
    [ "$state" = "$told" ] || echo "$state"
    told=$state
    case $state in
        done) exit 0 ;;
        failed | cancelled | rejected)
            xenstore-read "$snapshot/status/$id/error" "$snapshot/status/$id/message" >&2
            exit 1
            ;;
    esac
done
exit 1
