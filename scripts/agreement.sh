#!/usr/bin/env bash
# Fetches other people's code at pinned versions, and compares the functions that verify/source finds in it with those of
# Universal Ctags: npm packages, and Debian source packages. Go modules need no fetching: TestAgreementWithCtags reads those that
# go.mod pins. Takes about a minute. The bounds are those of TestAgreementOfPackages.
#
# With --soft, what cannot be fetched is left out and named; what was fetched is compared all the same.
set -euo pipefail
cd "$(dirname "$0")/.."
soft=
[ "${1:-}" = --soft ] && soft=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unfetched() {
	echo "$0: $1 cannot be fetched here" >&2
	[ -n "$soft" ]
}

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

# JavaScript, TypeScript, and with node-gyp the Python of gyp.
packages=(
	express@5.1.0
	lodash@4.17.21
	fastify@5.2.1
	rxjs@7.8.1
	zod@3.24.1
	node-gyp@11.0.0
)
fetched=0
for package in "${packages[@]}"; do
	if (cd "$work" && npm pack --silent "$package" >/dev/null 2>&1); then
		fetched=$((fetched + 1))
	else
		unfetched "npm $package"
	fi
done
for archive in "$work"/*.tgz; do
	[ -e "$archive" ] || continue
	mkdir "${archive%.tgz}"
	tar -xzf "$archive" -C "${archive%.tgz}"
done

# Python and Go from Debian's source packages, by the machine's own list of sources.
sources=(jinja2 mercurial golang-github-spf13-cobra)
apt=$work/apt
mkdir -p "$apt/list" "$apt/lists/partial" "$apt/cache/archives/partial" "$work/debian"
if [ -f /etc/apt/sources.list.d/debian.sources ]; then
	sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$apt/list/source.sources"
elif [ -f /etc/apt/sources.list ]; then
	sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$apt/list/source.list"
fi
options=(-qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$apt/list" -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache")
for package in "${sources[@]}"; do
	if [ ! -d "$apt/ready" ]; then
		apt-get "${options[@]}" update >/dev/null 2>&1 && mkdir "$apt/ready" || true
	fi
	if (cd "$work/debian" && apt-get "${options[@]}" source --download-only --only-source "$package" >/dev/null 2>&1); then
		fetched=$((fetched + 1))
	else
		unfetched "Debian's source package $package"
	fi
done
for archive in "$work"/debian/*.orig.tar.*; do
	case $archive in *.asc | *'*'*) continue ;; esac
	folder=$work/$(basename "${archive%%.orig*}")
	mkdir "$folder"
	tar -xf "$archive" -C "$folder"
done
rm -rf "$apt" "$work/debian"

export CGO_ENABLED=0 REDOUBT_REQUIRE_CTAGS=1
if [ "$fetched" = 0 ]; then
	echo "$0: nothing could be fetched; the Go modules alone are compared" >&2
	exec go test ./verify/source -count 1 -run TestAgreementWithCtags
fi
REDOUBT_AGREEMENT_TREE=$work go test ./verify/source -count 1 -v -run 'TestAgreementWithCtags|TestAgreementOfPackages'
