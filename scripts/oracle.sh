#!/usr/bin/env bash
# Compares the declarations that verify/source finds in the code of others with those of Universal Ctags and tree-sitter:
# docs/oracle.md. It needs Go, a C compiler, npm, node, and Debian's apt-get; archives are kept in REDOUBT_ORACLE_CACHE.
#
#	scripts/oracle.sh                            all languages: the table
#	scripts/oracle.sh --language java --misses   one language, and what differs in its tuned half
#	scripts/oracle.sh --small --soft             few files of each code base; what cannot be fetched is named and left out
set -euo pipefail
cd "$(dirname "$0")/../internal/oracle"

# As root, a missing Universal Ctags is installed.
if ! ctags --version 2>/dev/null | grep -q Universal; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "$0: Universal Ctags is not installed (Debian: apt-get install universal-ctags)" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >/dev/null
	apt-get install -y -qq --no-install-recommends universal-ctags >/dev/null
fi
export CGO_ENABLED=0
exec go run . "$@"
