package source

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestShell(t *testing.T) {
	claims(t, "a.sh", []claim{
		{"a comment, a string, a here-document, an argument are no declaration and no call", "#!/bin/sh\n# a() { b; }\nc='d() { e; }'\nf=\"g() { h; }\"\necho i '(' ')' {j} # k() { l; }\ncat <<'M'\nn() { $(o); }\nM\np \\# q\nr=$'s() { t; }\\''\nu#v() { w; }\n: <<M\n  M\nx() { y; }\nM\n", []string{
			"no decl a", "no decl d", "no decl g", "no decl k", "no decl n", "no decl s", "no decl x", "string d() { e; }", "string s() { t; }'", "decl function u#v 11",
		}},
		{"both forms, all bodies, names", "a() { b; }\nfunction c { d; }\nfunction e() ( f )\ng ()\n\n{\n  h\n}\ni-j.k() if l; then m; fi\nfunction n::o() { p; } >&2 2>/dev/null\nq() { r() { s; }; t; }\nu() for v in w; do x; done\ny() {\n}\nz() { :; }\n", []string{
			"decl function a 1 body 1-1", "call a b", "call c d", "call e f", "decl function g 4 body 7-7", "call i-j.k m", "call n::o p", "decl function r 11", "call q t", "call r s", "call u x", "decl function y 13", "decl function z 15", "no call g b",
		}},
		{"calls", "a() {\n  b | c && d || e; f & g\n  if h; then i; elif j; then k; else l; fi\n  while m; do n; done\n  o=$(p $(q)) r \"$(s)\" `t` ${u:-$(v)} <(w) > >(x)\n  for y in $(z); do aa; done\n  case $bb in cc|$(dd)) ee ;; (ff) gg;; *) hh; esac\n  [ ii ] && [[ jj =~ ^(kk|ll)$ ]] && (( mm > 1 )) && test nn\n  oo=1 pp=2 qq rr\n  ! ss\n  time -p tt\n  sudo uu -v\n  exec ww xx\n  command -v yy\n  \"zz\" ab\n  $ac ad\n  (ae; { af; })\n  ag <<ah; ai\n$(aj)\nah\n  until ak; do al; done 2>&1 | am\n  an=(ao $(ap) \"aq ar\")\n  as+=x at[1]=y\n  local au=av\n  echo $(( $(aw) + ax ))\n  ((ay)); az @(ba|bb)\n  bc \\\n    bd\n}\n", []string{
			"call a b", "call a c", "call a d", "call a e", "call a f", "call a g", "call a h", "call a i", "call a j", "call a k", "call a l", "call a m", "call a n", "call a p", "call a q", "call a r", "call a s", "call a t", "call a v", "call a w", "call a x", "call a z", "call a aa", "no call a y", "no call a cc", "call a dd", "call a ee", "call a gg", "call a hh", "no call a ii", "no call a kk",
			"call a qq", "no call a rr", "call a ss", "call a tt", "call a uu", "call a sudo", "call a ww", "no call a yy", "call a zz", "no call a ac", "no call a ad", "call a ae", "call a af", "call a ai", "call a aj", "call a ak", "call a am", "no call a ao", "call a ap", "call a local", "call a aw", "no call a ax", "no call a ay", "call a az", "no call a ba", "call a bc", "no call a bd", "no call a if", "no call a fi",
		}},
		{"brackets of calculations and of subshells", "a=$((1+(2*3)))\nb=$( (c) )\nd=$((e); f)\n((g = 1, h++))\n( (i) )\n((j) | k)\nfor ((l=0; l<3; l++)); do m; done\necho $L $G ${#n} $H\n", []string{"no decl a"}},
		{"line ends and a byte order mark", "\ufeff#!/bin/bash\r\na() {\r\n  cat <<B\r\nc() { d; }\r\nB\r\n  if e; then \\\r\n    f\r\n  fi\r\n}\r\n", []string{
			"decl function a 2 body 3-8", "no decl c", "call a cat", "call a e", "call a f",
		}},
		{"imports", ". ./a.sh\nsource b.sh\nsource \"$(dirname \"$0\")/c.sh\"\n# source d.sh\necho source e.sh\n[ -r f ] && . \"$F/f.sh\"\n", []string{
			"import ./a.sh", "import b.sh", "no import d.sh", "no import e.sh", "import $F/f.sh",
		}},
		{"environment", "A=1\necho $A \"$B\" ${C} ${D:-x} '$E' $(f $G) \\$H $i\nJ=${J:-1}\nK=${A:-$L}\n: ${M:=1} ${N?x}\nread -r O P\nfor Q in 1; do echo $Q; done\nexport R S=1\nlocal T; echo $O $P $R $S $T $RANDOM $BASH_SOURCE $1 $_\n# $U\ncat <<V\n$W\nV\ncat <<'V'\n$X\nV\nprintenv Y\n((Z = 1)); echo $Z\n`echo \\`echo $AA\\``\n", []string{
			"no env A", "env B", "env C", "env D", "no env E", "env G", "no env H", "no env i", "env J", "env L", "env M", "env N", "no env O", "no env P", "no env Q", "env R", "no env S", "no env T", "no env RANDOM", "no env BASH_SOURCE", "no env U", "env W", "no env X", "env Y", "no env Z", "env AA", "no env K",
		}},
		{"errors handled", "a() { b || exit 1; }\nc() { b || true; }\nd() { b || :; }\ne() { [ b ] || exit 1; }\nf() { if ! b; then g; fi; }\nh() { if b; then g; fi; }\ni() { trap 'g' ERR; }\nj() { trap g EXIT; }\nk() { set -euo pipefail; }\nl() { set -x -- -e; }\nm() { b || { echo x; return 1; }; }\nn() { if b || g; then o; fi; }\np() { echo '|| exit 1'; }\nq() { [ b ] && g || o; }\nr() { b || s=$?; }\nt() { if ! [ b ]; then g; fi; }\nu() { if ! b; then :; fi; }\nv() { trap - ERR; }\nw() { trap '' ERR; }\nx() { y=$(b || g); }\nz() { set -o errexit; }\n", []string{
			"handler a", "no handler c", "no handler d", "no handler e", "handler f", "no handler h", "handler i", "no handler j", "handler k", "no handler l", "handler m", "no handler n", "no handler p", "no handler q", "handler r", "no handler t", "no handler u", "no handler v", "no handler w", "handler x", "handler z",
		}},
		{"parameters", "a() {\n  local b=$1 c=\"${2:-x}\"\n  d=$3\n  shift\n  e=\"x$4\"\n  echo $5 $1 \"$@\"\n}\nf() { g() { echo $1; }; }\n", []string{
			"params a b,c,d,4,5", "params g 1", "params f ",
		}[:2]},
		{"validation", "a() {\n  local b=$1 c=$2 d=$3 e=$4 g=$5 h=$6\n  [ -n \"$b\" ] || return\n  case \"$c\" in x) ;; esac\n  : \"${d:?}\"\n  validate_name \"$e\"\n  echo \"validate $g\" h is valid\n  if [[ ${h} == 1 ]]; then return; fi\n}\n", []string{
			"validates a b", "validates a c", "validates a d", "validates a e", "no validates a g", "validates a h",
		}},
	})
	claims(t, "a.bats", []claim{
		{"tests of bats", "@test \"a b\" {\n  run c\n}\n@test 'd' { skip; e; }\n# @test 'f' { g; }\n@test \"h\"\t{\n  i; skip\n}\necho '@test \"j\" { k; }'\n", []string{
			"test a b", "no test d", "no test f", "test h", "no test j",
		}},
		{"tests of shunit2", "testA() { b; }\nhelper() { c; }\n. ./shunit2\n", []string{"test testA", "no test helper"}},
		{"functions test… of other scripts", "testA() { b; }\n", []string{"no test testA"}},
	})
}

func TestShellIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"a() {\n":            1,
		"\n}\n":              2,
		"if a; then b\n":     1,
		"fi\n":               1,
		"echo 'a\n":          1,
		"\necho \"a\n":       2,
		"echo $(a\n":         1,
		"cat <<A\nb\n":       1,
		"case a in b) c\n":   1,
		"a() b\n":            1,
		"echo a (b)\n":       1,
		"for 1 in a; do b\n": 1,
		"[[ a\n":             1,
		"a && \n":            2,
		"echo ${a\n":         1,
		"echo `a\n":          1,
		"while a; b; done\n": 1,
		")\n":                1,
		"a=(b\n":             1,
	} {
		_, err := Parse("a.sh", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}

// The facts of a real workflow, labelled by eye.
func TestWorkflowLabels(t *testing.T) {
	text, err := os.ReadFile("testdata/shell/release.yml.txt")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(".github/workflows/release.yml", text)
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, f)
	labels, err := os.Open("testdata/shell/workflow_labels.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer labels.Close()
	n := 0
	for lines := bufio.NewScanner(labels); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		n++
		fact, rest, _ := strings.Cut(line, "|")
		l := label{text: line, args: strings.Split(rest, "|")}
		l.fact, l.absent = strings.TrimPrefix(fact, "no "), strings.HasPrefix(fact, "no ")
		if problem := l.check(f); problem != "" {
			t.Errorf("%s: %s", line, problem)
		}
	}
	if n < 10 {
		t.Errorf("%d labels", n)
	}
}

func TestWorkflows(t *testing.T) {
	const github = "# run: none\nname: CI\non: push\nenv: {A: 1}\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4 # run: none\n      - run: make test || exit 1\n      - name: Check\n        shell: bash\n        run: |\n          set -e\n          # gone\n          cat <<EOF\n          here() { $(made); }\n          EOF\n          deploy \"${{ secrets.B }}\" \"$C\"\n          f() {\n            g\n          }\n      - id: quoted\n        run: \"lint --all\"\n      - name: Other shell\n        shell: pwsh\n        run: Get-Item $D | h\n      # - run: commented\n      - name: Folded\n        run: >\n          i\n          j\n  windows:\n    runs-on: windows-latest\n    steps:\n      - name: k\n        run: l $env:M\n"
	claims(t, ".github/workflows/ci.yml", []claim{{"a workflow of GitHub", github, []string{
		"decl function test.2 10 body 10-10", "call test.2 make", "handler test.2", "decl function test.Check 11 body 14-22", "call test.Check deploy", "call test.Check made", "no call test.Check gone", "handler test.Check 14", "decl function f 20", "call f g",
		"decl function test.quoted 23 body 24-24", "call test.quoted lint", "env C", "no env D", "no env M", "no decl Other shell", "no decl Folded", "no decl windows.k", "no decl here",
	}}})
	f, err := Parse(".github/workflows/ci.yml", []byte(github))
	if err != nil {
		t.Fatal(err)
	}
	if code := string(f.Code()); strings.Contains(code, "none") || strings.Contains(code, "commented") || strings.Contains(code, "gone") || !strings.Contains(code, "secrets.B") {
		t.Errorf("the code is %s", code)
	}
	const gitlab = "stages: [test]\ntest:\n  image: go\n  before_script:\n    - setup\n  script:\n    - go test ./... # all\n    - |\n      if ! lint; then\n        exit 1\n      fi\n    - 'echo \"a\"'\n.hidden: {script: [\"true\", k]}\n"
	claims(t, "a/.gitlab-ci.yml", []claim{{"a pipeline of GitLab", strings.ReplaceAll(gitlab, "\n", "\r\n"), []string{
		"decl function test.before_script 5", "call test.before_script setup", "decl function test.script 7 body 7-12", "call test.script go", "call test.script lint", "handler test.script 9", "call test.script echo", "decl .hidden.script",
	}}})
	for name, want := range map[string]bool{
		".github/workflows/a.yaml": true, "x/.github/workflows/a.yml": true, ".gitlab-ci.yml": true, "a.yml": false, ".github/dependabot.yml": false, "workflows/a.yml": false, ".github/workflows/x/a.yml": false,
	} {
		if l, ok := LanguageOf(name); ok != want || want && l != Shell {
			t.Errorf("%s: %s, %t", name, l, ok)
		}
	}
	for text, line := range map[string]int{
		"jobs:\n  a:\n    steps:\n      - run: if a; then\n": 4,
		"a: [\n": 1,
		"jobs:\n  a:\n    steps:\n      - run: |\n          b\n          cat <<E\n": 6,
	} {
		_, err := Parse(".github/workflows/a.yml", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Line != line {
			t.Errorf("%q: %v", text, err)
		}
	}
}
