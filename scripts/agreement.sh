#!/usr/bin/env bash
# Fetches packages of other people's code at pinned versions, and compares the functions that verify/source finds in them with
# those of Universal Ctags. Go modules need no fetching: TestAgreementWithCtags reads those that go.mod pins.
# Needs npm and universal-ctags; takes about a minute. The bounds are those of TestAgreementOfPackages.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# JavaScript, TypeScript, and with node-gyp the Python of gyp.
packages=(
  express@5.1.0
  lodash@4.17.21
  fastify@5.2.1
  rxjs@7.8.1
  zod@3.24.1
  node-gyp@11.0.0
)
for package in "${packages[@]}"; do
  (cd "$work" && npm pack --silent "$package" >/dev/null)
done
for archive in "$work"/*.tgz; do
  mkdir "${archive%.tgz}"
  tar -xzf "$archive" -C "${archive%.tgz}"
done

export CGO_ENABLED=0 REDOUBT_REQUIRE_CTAGS=1 REDOUBT_AGREEMENT_TREE=$work
go test ./verify/source -count 1 -v -run 'TestAgreementWithCtags|TestAgreementOfPackages'
