# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Names and addresses of the cluster of the tests; sourced by the scripts beside it. Everything
# listens on the bridge's own address, so nothing is reachable from outside of this machine.
BRIDGE=stereo0
NODE=node1
HOST_IP=10.230.0.1
NODE2=node2
HOST2_IP=10.230.0.2
POD_CIDR=10.230.0.0/24
SERVICE_CIDR=10.96.0.0/16
SERVICE_IP=10.96.0.1
DNS_IP=10.96.0.10
API=https://$HOST_IP:6443
S3_PORT=7070
S3_ACCESS_KEY=stereo
S3_SECRET_KEY=stereo-e2e-secret
S3_BUCKET=films
GPUS=2
PAUSE_IMAGE=localhost/pause:1
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/stereojob

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}
unable() { # this machine cannot run it: tests skip on 77
    printf '%s: cannot run here: %s\n' "$(basename "$0")" "$*" >&2
    exit 77
}

# alive NAME: is the program that DIR/run/NAME.pid names still ours?
alive() {
    local pid
    pid=$(cat "$DIR/run/$1.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && grep -qaF -- "$DIR" "/proc/$pid/cmdline" 2>/dev/null
}
