#!/usr/bin/env bash
# Runs the benchmarks and writes docs/benchmarks.md: each figure with its command. Machines differ; the ratios are what counts.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
out=docs/benchmarks.md
tmp=$(mktemp)
trap 'rm -f "$tmp" "$tmp.run"' EXIT

# row TARGET PACKAGE BENCHMARK TIMES: runs one benchmark and writes a table row per line of its output.
row() {
  local target=$1 package=$2 name=$3 times=$4
  local command="go test $package -run xxx -bench '$name' -benchtime $times"
  echo "$command" >&2
  go test "$package" -run xxx -bench "$name" -benchtime "$times" >"$tmp.run"
  awk -v target="$target" -v command="$command" '
    /^Benchmark/ {
      figures = ""
      for (i = 3; i < NF; i += 2) {
        if ($(i + 1) == "ns/op") { v = $i / 1e6; u = "ms each" } else { v = $i; u = $(i + 1) }
        figures = figures (figures == "" ? "" : "; ") sprintf("%.3g %s", v, u)
      }
      sub(/-[0-9]+$/, "", $1)
      printf "| %s | %s | %s | `%s` |\n", $1, figures, target, command
    }' "$tmp.run" >>"$tmp"
}

row "ratio ≥ 0.7 of the no-op tool's requests per second" ./tools 'BenchmarkGetControls$' 100x
row "ratio ≤ 0.1 of a no-op tool call" ./tools 'BenchmarkAuthentication$' 60x
row "ratio ≤ 3 of a one-row commit" ./service 'BenchmarkEdit$' 2000x
row "ratio ≤ 5 of writing 1,000 rows" ./service 'BenchmarkRun$' 20x
row "the proof under 100 ms, the issuer's keys at hand" ./service 'BenchmarkAttestedRun$' 20x
row "Check1000 ≤ 3 of Floor: walking, reading and hashing the same files" ./verify 'Check1000|Floor' 10x
row "each language ≥ half of go/parser" ./verify/source 'Parse(Go|Python|JavaScript|TypeScript)$|GoParser' 20x
row "10,000 COs ≤ 11 of 1,000" ./posture '.' 50x
row "under 50 ms, the job and its writing included" ./service 'BenchmarkGenerate$' 50x
row "under 50 ms each" ./pipeline/builtin 'BenchmarkGenerate' 50x
row "ratio ≤ 1.05 of the provider's own time" ./server 'BenchmarkOpenAIOverhead$' 12x
row "once a process" ./pipeline/builtin 'BenchmarkLoad' 20x
row "first answer under 300 ms" ./cli 'BenchmarkStart' 10x
row "" ./threat '.' 200x
row "" ./store '.' 200x

{
  cat <<'EOF'
# Benchmarks

Written by `make bench`. Figures in ms or µs are from one machine of 2 cores and say little elsewhere; ratios compare two things
interleaved in one run.

| benchmark | figures | target | command |
|---|---|---|---|
EOF
  cat "$tmp"
} >"$out"
echo "wrote $out" >&2
