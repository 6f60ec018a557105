package verify

import (
	"testing"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// A crate is imported with any item of it, a header of C by its name with the brackets or without.
func TestImportsOfRustAndC(t *testing.T) {
	for _, row := range []struct {
		language source.Language
		module   string
		want     string
		is       bool
	}{
		{source.Rust, "std.env.var", "std::env", true},
		{source.Rust, "std.env.var", "std::env::var", true},
		{source.Rust, "std.env.var", "std", true},
		{source.Rust, "std.env.var", "std::e", false},
		{source.Rust, "std.env.var", "env", false},
		{source.C, "sys/socket.h", "<sys/socket.h>", true},
		{source.C, "sys/socket.h", "socket.h", false},
		{source.CPP, "vector", "vector", true},
		{source.CPP, "vector", "vec", false},
	} {
		if got := imports(row.language, source.Import{Module: row.module}, row.want); got != row.is {
			t.Errorf("%s imports %s by %s: %t", row.language, row.want, row.module, got)
		}
	}
}
