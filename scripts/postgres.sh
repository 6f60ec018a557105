#!/usr/bin/env bash
# Runs a command with a throwaway PostgreSQL cluster, and removes the cluster whatever happens:
#
#   scripts/postgres.sh go test ./store/...
#
# The command finds the server in REDOUBT_TEST_POSTGRES. It listens on a Unix socket in a temporary folder only, so there
# is no port to choose and nobody else to reach it. As root, a missing PostgreSQL is installed with apt-get.
set -euo pipefail

if [ $# -eq 0 ]; then
	echo "usage: $0 COMMAND [ARGUMENT…]" >&2
	exit 2
fi

# Debian keeps the server's programs outside PATH.
bindir() {
	local dir
	for dir in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) "$(dirname "$(command -v initdb || echo /)")"; do
		if [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ]; then
			echo "$dir"
			return
		fi
	done
	return 1
}

if ! bin=$(bindir); then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "$0: PostgreSQL is not installed (Debian: apt-get install postgresql)" >&2
		exit 1
	fi
	# Without this the package starts a server of its own.
	mkdir -p /etc/postgresql-common/createcluster.d
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/no-main.conf
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >/dev/null
	apt-get install -y -qq --no-install-recommends postgresql >/dev/null
	bin=$(bindir)
fi

# initdb and the server refuse to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
	user=nobody
	if id postgres >/dev/null 2>&1; then user=postgres; fi
	as=(runuser -u "$user" --)
fi

# Not TMPDIR: the path of a socket has at most 107 bytes.
dir=$(mktemp -d /tmp/redoubt-pg.XXXXXX)
mkfifo "$dir/alive"
mkdir "$dir/cluster"
if [ ${#as[@]} -gt 0 ]; then
	chmod 711 "$dir"
	chown "$user" "$dir/cluster"
fi

# The watcher reads a pipe that this script alone holds open for writing. It ends with the script, even when that is
# killed, and then stops the server and removes everything.
(
	trap '' INT TERM HUP
	cat <"$dir/alive" >/dev/null
	cd /
	"${as[@]}" "$bin/pg_ctl" -D "$dir/cluster/data" -m immediate -w stop >/dev/null 2>&1 || true
	rm -rf "$dir"
) &
watcher=$!
exec 9>"$dir/alive"
trap 'exec 9>&-; wait "$watcher" || true' EXIT

start() {
	cd / # the other user may not be able to enter the current folder
	"${as[@]}" "$bin/initdb" -D "$dir/cluster/data" -U redoubt -A trust -E UTF8 --no-locale --no-sync
	"${as[@]}" "$bin/pg_ctl" -D "$dir/cluster/data" -l "$dir/cluster/log" -w start -o "-c listen_addresses='' \
		-c unix_socket_directories='$dir/cluster' -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
		-c max_connections=200 -c shared_buffers=64MB"
}
if ! out=$( (start) 9>&- 2>&1); then
	echo "$0: the cluster does not start" >&2
	echo "$out" >&2
	cat "$dir/cluster/log" >&2 2>/dev/null || true
	exit 1
fi

export REDOUBT_TEST_POSTGRES="postgres://redoubt@/postgres?host=$dir/cluster"

# In the background, so that a signal to this script is handled at once and passed on.
"$@" 9>&- <&0 &
child=$!
trap 'kill -TERM "$child" 2>/dev/null || true' TERM HUP
trap 'kill -INT "$child" 2>/dev/null || true' INT
code=0
wait "$child" || code=$?
while kill -0 "$child" 2>/dev/null; do # a trapped signal ends the wait, not the child
	code=0
	wait "$child" || code=$?
done
exit "$code"
