#!/usr/bin/env bash
# Backs up a database of 1 GB (or REDOUBT_BENCH_MB) while two writers commit. Targets: under 15 s, 99 of 100 commits under 100 ms. It needs
# three times as much free space in TMPDIR.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0 REDOUBT_BENCH_MB=${REDOUBT_BENCH_MB:-1000}
go test ./store -timeout 580s -run xxx -bench 'BenchmarkBackup$' -benchtime 1x
