package main

import (
	"path"
	"slices"
	"strings"
)

// pool says where the code bases of a language come from. docs/oracle.md has the rule in words.
type pool struct {
	language   string
	extensions []string // of the files that are compared
	debian     string   // regular expression that the name of a source package, or of one of its binary packages, must match
	named      []string // source packages by name, where no pattern of names describes the pool
	npm        string   // after those of Debian, the packages of this group of npm.txt
	files      int      // a code base has at least so many eligible files,
	bytes      int64    // and so many bytes in them
	archive    int64    // and an archive of at most so many bytes
}

const megabyte = 1 << 20

// pools are the languages, in the order of the tables.
var pools = []pool{
	{language: "go", extensions: []string{".go"}, debian: `^golang-`, files: 20, bytes: 100_000, archive: 8 * megabyte},
	{language: "python", extensions: []string{".py"}, debian: `^python3-`, files: 20, bytes: 100_000, archive: 8 * megabyte},
	{language: "javascript", extensions: []string{".js", ".mjs", ".cjs", ".jsx"}, debian: `^node-`, files: 20, bytes: 100_000, archive: 8 * megabyte},
	{language: "typescript", extensions: []string{".ts", ".mts", ".cts", ".tsx"}, npm: "typescript", files: 20, bytes: 100_000, archive: 8 * megabyte},
	{language: "java", extensions: []string{".java"}, debian: `-java$`, files: 20, bytes: 100_000, archive: 8 * megabyte},
	{language: "kotlin", extensions: []string{".kt", ".kts"}, debian: `kotlin`, npm: "mobile", files: 20, bytes: 60_000, archive: 60 * megabyte},
	{language: "scala", extensions: []string{".scala", ".sc"}, named: scalas, files: 10, bytes: 40_000, archive: 20 * megabyte},
	{language: "csharp", extensions: []string{".cs"}, debian: `-cil$|^keepass2$|^monodevelop|^mono-`, files: 20, bytes: 100_000, archive: 20 * megabyte},
	{language: "rust", extensions: []string{".rs"}, debian: `^rust-`, named: rusts, files: 20, bytes: 100_000, archive: 24 * megabyte},
	{language: "c", extensions: []string{".c", ".h"}, debian: `^lib.*-dev$`, files: 20, bytes: 100_000, archive: 8 * megabyte},
	{language: "cpp", extensions: []string{".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx"}, debian: `^lib.*-dev$`, files: 20, bytes: 100_000, archive: 8 * megabyte},
	{language: "php", extensions: []string{".php"}, debian: `^php-|^phpunit`, files: 20, bytes: 100_000, archive: 8 * megabyte},
	{language: "ruby", extensions: []string{".rb"}, debian: `^ruby-`, files: 20, bytes: 100_000, archive: 8 * megabyte},
	{language: "swift", extensions: []string{".swift"}, npm: "mobile", files: 20, bytes: 60_000, archive: 60 * megabyte},
	{language: "shell", extensions: []string{".sh", ".bash"}, named: shells, files: 15, bytes: 40_000, archive: 12 * megabyte},
	{language: "sql", extensions: []string{".sql"}, debian: `^postgresql-15-`, files: 10, bytes: 40_000, archive: 40 * megabyte},
	{language: "systemverilog", extensions: []string{".v", ".vh", ".sv", ".svh"}, named: hardware, files: 10, bytes: 40_000, archive: 80 * megabyte},
}

// scalas are source packages that are made with Scala.
var scalas = []string{
	"jawn", "json4s", "sbt-launcher-interface", "sbt-serialization", "sbt-template-resolver", "sbt-test-interface", "scala", "scala-asm",
	"scala-parser-combinators", "scala-pickling", "scala-tools-sbinary", "scala-xml", "scopt",
}

// rusts are programs in Rust whose names do not say so.
var rusts = []string{"cargo", "librsvg", "newsboat", "rust-coreutils", "sniffglue", "squeekboard", "suricata"}

// shells are source packages known to hold much shell in files whose names say so.
var shells = []string{
	"acme-tiny", "autoconf-archive", "bash-completion", "bats", "btrfs-progs", "byobu", "cloud-initramfs-tools", "coreutils", "cryptsetup",
	"debhelper", "debootstrap", "devscripts", "dkms", "dracut", "drbd-utils", "e2fsprogs", "etckeeper", "gettext", "git", "git-extras",
	"grep", "grml-debootstrap", "initramfs-tools", "iptables", "libtool", "live-boot", "live-build", "lvm2", "lynis", "mdadm", "needrestart",
	"neofetch", "nftables", "openrc", "password-store", "rear", "resource-agents", "rkhunter", "sed", "shunit2", "systemd", "testssl.sh",
	"tlp", "todo.txt-cli", "util-linux", "xdg-utils", "xfsprogs",
}

// hardware are source packages known to hold Verilog or SystemVerilog.
var hardware = []string{
	"berkeley-abc", "cocotb", "covered", "fpga-icestorm", "fpgatools", "gnucap", "gtkwave", "iverilog", "libverilog-perl", "myhdl",
	"nextpnr", "openfpgaloader", "prjtrellis", "symbiyosys", "uhd", "verilator", "verilog-mode", "yosys",
}

// alike is how many code bases of a language may come from npm packages with the same first word: they are often of one house.
const alike = 3

// seen are code bases that recognisers were mended on before there was this list; they prove nothing.
var seen = []string{
	"golang-github-spf13-cobra", "jinja2", "mercurial", "node-express", "node-lodash", "node-fastify", "node-rxjs", "node-zod", "node-gyp",
	"express", "lodash", "fastify", "rxjs", "zod",
}

func poolOf(language string) *pool {
	for i := range pools {
		if pools[i].language == language {
			return &pools[i]
		}
	}
	return nil
}

// has reports whether the file is of the pool's language by its name. Declaration files of TypeScript describe code and are none.
func (p *pool) has(name string) bool {
	if strings.HasSuffix(strings.TrimSuffix(name, path.Ext(name)), ".d") && p.language == "typescript" {
		return false
	}
	return slices.Contains(p.extensions, strings.ToLower(path.Ext(name)))
}
