# What CI runs is what you run: make check.
# staticcheck 2026.2.2
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT     = mvdan.cc/gofumpt@v0.12.0

.PHONY: build test check lint race bench backup-bench snapshots conformance oracle

build:
	CGO_ENABLED=0 go build -trimpath -o bin/redoubt .

test:
	go test ./...

check:
	.ci/run

lint:
	@out=$$(go run $(GOFUMPT) -l .); if [ -n "$$out" ]; then echo "gofumpt would change:"; echo "$$out"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

# What is C translated to Go is left uninstrumented: it is 27 times slower with the detector. No more than that: a package that uses
# sync.Map brings copies of its generic parts, and the linker may take such a copy, without the detector, for the whole program, which then
# seems to race wherever it reads a sync.Map.
race:
	CGO_ENABLED=1 go test -race -short -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false ./...

bench:
	scripts/bench.sh

backup-bench:
	scripts/backup-bench.sh

# Writes the tool snapshots anew; read the diff before you commit it.
snapshots:
	go test ./tools -run TestSnapshots -update

conformance:
	scripts/conformance.sh

# Declarations that verify/source finds in other people's code, against Universal Ctags and tree-sitter: docs/oracle.md.
oracle:
	cd internal/oracle && go vet . && go run $(STATICCHECK) . && go test -timeout 200s .
	scripts/oracle.sh
