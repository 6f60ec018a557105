package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/verify/manifest"
)

// show writes entries one a line: package, =version or its range, @line, and what else there is.
func show(m *manifest.Manifest) string {
	var out []string
	for _, e := range m.Entries {
		s := e.Package
		if e.Version != "" {
			s += " =" + e.Version
		}
		if e.Range != "" {
			s += " " + e.Range
		}
		s += fmt.Sprintf(" @%d", e.Line)
		if e.Scope != "" {
			s += " " + string(e.Scope)
		}
		if e.Loose != "" {
			s += " loose"
		}
		if e.Marker != "" {
			s += " if " + e.Marker
		}
		out = append(out, s)
	}
	return strings.Join(out, "\n")
}

func read(t testing.TB, path, text string) *manifest.Manifest {
	t.Helper()
	m, err := manifest.Read(path, []byte(text))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return m
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ path, text, want string }{
		{"web/package.json", `{
  "name": "x",
  // "dependencies": {"ghost": "1"},
  "dependencies": {
    "express": "^4.18.2", "exact": "1.2.3", "eq": "=1.2.3", "any": "*", "none": "", "tag": "latest",
    "git": "git+https://x/y.git", "short": "user/repo#v1", "file": "file:../x", "rel": "../x", "url": "https://x/y.tgz",
    "alias": "npm:other@^1.2", "scoped": "npm:@a/b@2.0.0", "ws": "workspace:*", "cat": "catalog:", "ver": "npm:^3.0.0",
    "@s/p": "~1.2", "x": "1.x || >=2.5.0"
  },
  "devDependencies": {"jest": "29.x"},
  "optionalDependencies": {"o": "1"},
  "peerDependencies": {"react": ">=16"},
  "overrides": {"express": "4.17.0", "unused": "1.0.0", "p": {"exact": "1.0.0"}, "any": "$express"}
}`, `express ^4.18.2 @5
exact =1.2.3 @5
eq =1.2.3 @5
any * @5
none @5
tag latest @5
git @6 loose
short @6 loose
file @6 loose
rel @6 loose
url @6 loose
other ^1.2 @7
@a/b =2.0.0 @7
ws @7 loose
cat @7 loose
ver ^3.0.0 @7
@s/p ~1.2 @8
x 1.x || >=2.5.0 @8
jest 29.x @10 dev
o 1 @11 optional
react >=16 @12 peer
express =4.17.0 @13 forced
exact =1.0.0 @13 forced`},
		{"package-lock.json", `{"lockfileVersion": 3, "packages": {
"": {"dependencies": {"a": "^1"}},
"packages/w": {"version": "9.0.0"},
"node_modules/a": {"version": "1.5.0", "resolved": "https://r/a.tgz"},
"node_modules/a/node_modules/@s/b": {"version": "2.0.0", "dev": true},
"node_modules/@s/b": {"version": "3.0.0", "optional": true},
"node_modules/al": {"name": "real", "version": "4.0.0"},
"node_modules/g": {"version": "1.0.0", "resolved": "git+ssh://x#1"},
"node_modules/w": {"resolved": "packages/w", "link": true}},
"dependencies": {"old": {"version": "1.0.0"}}}`, `a =1.5.0 @4
@s/b =2.0.0 @5 dev
@s/b =3.0.0 @6 optional
real =4.0.0 @7
g =1.0.0 @8 loose
w @9 loose`},
		{"npm-shrinkwrap.json", `{"lockfileVersion": 1, "dependencies": {
"a": {"version": "1.0.0", "dependencies": {
"b": {"version": "2.0.0", "dev": true}}},
"g": {"version": "git+https://x#1"},
"al": {"version": "npm:real@4.0.0"}}}`, "a =1.0.0 @2\nb =2.0.0 @3 dev\ng @4 loose\nreal =4.0.0 @5"},
		{"yarn.lock", `# yarn lockfile v1
# ghost@1:
#   version "1.0.0"

"@s/a@^1.0.0", "@s/a@^1.1.0":
  version "1.2.0"
  resolved "https://r/a.tgz#1"
  dependencies:
    version "9"

al@npm:real@^4.0.0:
  version "4.1.0"

g@user/g:
  version "1.0.0"
  resolved "https://codeload.github.com/user/g/tar.gz/1"
`, "@s/a =1.2.0 @5\nreal =4.1.0 @11\ng =1.0.0 @14 loose"},
		{"yarn.lock", `# generated
__metadata:
  version: 8

"@s/a@npm:^1.0.0, @s/a@npm:^1.1.0":
  version: 1.2.0
  resolution: "@s/a@npm:1.2.0"
"al@npm:real@^4.0.0":
  version: 4.1.0
  resolution: "real@npm:4.1.0"
"root@workspace:.":
  version: 0.0.0-use.local
  resolution: "root@workspace:."
"w@workspace:packages/w":
  version: 0.0.0-use.local
  resolution: "w@workspace:packages/w"
"g@git@github.com:u/g":
  version: 1.0.0
  resolution: "g@https://github.com/u/g.git#commit=1"
"ts@patch:ts@npm%3A^5":
  version: 5.1.0
  resolution: "ts@patch:ts@npm%3A5.1.0#builtin"
`, "@s/a =1.2.0 @5\nreal =4.1.0 @8\nw =0.0.0-use.local @14 loose\ng =1.0.0 @17 loose\nts =5.1.0 @20"},
		{"pnpm-lock.yaml", `lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a: {specifier: ^1, version: 1.5.0(react@18.0.0)}
      w: {specifier: 'workspace:*', version: 'link:../w'}
packages:
  a@1.5.0:
    resolution: {integrity: x}
  '@s/b@2.0.0':
    resolution: {integrity: x}
  g@https://codeload.github.com/u/g/tar.gz/1:
    version: 1.0.0
snapshots:
  a@1.5.0(react@18.0.0): {}
`, "w @6 loose\na =1.5.0 @8\n@s/b =2.0.0 @10\ng =1.0.0 @12 loose"},
		{"pnpm-lock.yaml", `lockfileVersion: '6.0'
dependencies:
  a:
    specifier: ^1
    version: 1.5.0(react@18.0.0)
packages:
  /a@1.5.0(react@18.0.0):
    dev: false
  /@s/b@2.0.0:
    dev: true
`, "a =1.5.0 @7\n@s/b =2.0.0 @9 dev"},
		{"requirements-dev.txt", `# ghost==1.0
requests==2.31.0 --hash=sha256:aa \
    --hash=sha256:bb
Flask[async] >=2.0,<3  # note
plain
django~=4.2 ; python_version >= "3.8"
name @ https://x/y.whl ; os_name == "nt"
-r base.txt
-c constraints.txt
-e git+https://x/y.git#egg=edited
git+https://x/z.git#egg=zed
./local
--index-url https://i
pkg (>=1.0)
wild==1.*
triple===1.0
# last \
seen==1.0
`, `requests =2.31.0 @2
Flask >=2.0,<3 @4
plain @5
django ~=4.2 @6 if python_version >= "3.8"
name @7 loose if os_name == "nt"
edited @10 loose
zed @11 loose
pkg >=1.0 @14
wild ==1.* @15
triple =1.0 @16
seen =1.0 @18`},
		{"pyproject.toml", `[build-system]
requires = ["hatchling>=1"]
[project]
dependencies = [
  "requests>=2.31",
  # "ghost==1",
  "own @ file:///x",
]
[project.optional-dependencies]
tls = ["pyopenssl==23.0"]
[dependency-groups]
test = ["pytest>7", {include-group = "lint"}]
lint = ["ruff"]
[tool.uv.sources]
requests = { git = "https://x" }
[tool.poetry.dependencies]
python = "^3.9"
caret = "^1.2.3"
zero = "^0.2.3"
tilde = "~1.2.3"
bare = "1.2"
star = "*"
table = { version = "^2.0", optional = true, extras = ["x"] }
git = { git = "https://x", version = "1.0" }
many = [{version = "1.0", python = "<3.8"}, {version = "^2.0", python = ">=3.8"}]
odd = "^1 || ^2"
[tool.poetry.group.dev.dependencies]
black = "23.*"
`, `requests >=2.31 @5 loose
own @7 loose
pyopenssl =23.0 @10 optional
pytest >7 @12 dev
ruff @13 dev
hatchling >=1 @2 dev
caret >=1.2.3,<2 @18
zero >=0.2.3,<0.3 @19
tilde >=1.2.3,<1.3 @20
bare =1.2 @21
star @22
table >=2.0,<3 @23 optional
git =1.0 @24 loose
many =1.0 @25
many >=2.0,<3 @25
odd ^1 || ^2 @26
black ==23.* @28 dev`},
		{"setup.cfg", "[metadata]\nname = x\n[options]\ninstall_requires =\n    requests>=2.31\n    # ghost\n    six\n[options.extras_require]\ntls = pyopenssl==23.0\n", "requests >=2.31 @4\nsix @4\npyopenssl =23.0 @9 optional"},
		{"Pipfile", "[packages]\nrequests = \"==2.31.0\"\nany = \"*\"\ngit = {git = \"https://x\"}\ntable = {version = \">=1\", extras = [\"x\"]}\n[dev-packages]\npytest = \">=7\"\n[requires]\npython_version = \"3.9\"\n", "requests =2.31.0 @2\nany * @3\ngit @4 loose\ntable >=1 @5\npytest >=7 @7 dev"},
		{"Pipfile.lock", `{"_meta": {"hash": {}}, "default": {
"requests": {"version": "==2.31.0"}, "g": {"git": "https://x", "ref": "1"}},
"develop": {"pytest": {"version": "==7.0", "markers": "x"}}}`, "requests =2.31.0 @2\ng @2 loose\npytest =7.0 @3 dev if x"},
		{"poetry.lock", "[[package]]\nname = \"a\"\nversion = \"1.0\"\n[[package]]\nname = \"g\"\nversion = \"2.0\"\noptional = true\n[package.source]\ntype = \"git\"\nurl = \"x\"\n", "a =1.0 @2\ng =2.0 @5 optional loose"},
		{"uv.lock", "version = 1\n[[package]]\nname = \"me\"\nversion = \"0.1\"\nsource = { virtual = \".\" }\n[[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = { registry = \"https://pypi.org/simple\" }\n[[package]]\nname = \"g\"\nversion = \"1.0\"\nsource = { git = \"https://x\" }\n", "a =1.0 @7\ng =1.0 @11 loose"},
		{"go.mod", `module example.com/m

go 1.22

// require example.com/ghost v1.0.0
require (
	example.com/a v1.2.3
	example.com/b/v2 v2.0.0-20230101000000-abcdefabcdef // indirect
	// example.com/ghost2 v1.0.0
	example.com/c v1.0.0
	example.com/d v1.0.0
	example.com/e v1.0.0
)
require example.com/f v3.0.0+incompatible

exclude example.com/e v1.0.0
replace example.com/c => ../c
replace example.com/d v1.0.0 => example.com/fork v1.9.0
replace example.com/d => ../d
replace example.com/a v1.0.0 => ../a
`, `example.com/a =v1.2.3 @7
example.com/b/v2 =v2.0.0-20230101000000-abcdefabcdef @8
example.com/c =v1.0.0 @17 loose
example.com/d =v1.9.0 @18
example.com/e =v1.0.0 @12 loose
example.com/f =v3.0.0+incompatible @14`},
		{"Cargo.toml", `[package]
name = "x"
[workspace.dependencies]
shared = "1.4"
[dependencies]
serde = "1.0"
exact = "=1.2.3"
table = { version = ">=1, <2", optional = true }
git = { git = "https://x" }
path = { path = "../x", version = "1" }
re-named = { package = "real", version = "2" }
shared.workspace = true
outside = { workspace = true }
patched = "1"
[dependencies.long]
version = "3.1"
[dev-dependencies]
d = "*"
[target.'cfg(unix)'.dependencies]
libc = "0.2"
[patch.crates-io]
patched = { path = "../p" }
`, `shared 1.4 @4 shared
serde 1.0 @6
exact =1.2.3 @7
table >=1, <2 @8 optional
git @9 loose
path 1 @10 loose
real 2 @11
shared 1.4 @12
outside @13
patched 1 @22 loose
long 3.1 @15
d * @18 dev
libc 0.2 @20 optional`},
		{"Cargo.lock", "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+https://x\"\n[[package]]\nname = \"a\"\nversion = \"2.0.0\"\nsource = \"registry+https://x\"\n[[package]]\nname = \"me\"\nversion = \"0.1.0\"\n", "a =1.0.0 @3\na =2.0.0 @7\nme =0.1.0 @11 loose"},
		{"pom.xml", `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <parent><groupId>p</groupId><artifactId>q</artifactId><version>7</version></parent>
  <properties><v>2.17.1</v><w>${v}</w></properties>
  <dependencyManagement><dependencies>
    <dependency><groupId>g</groupId><artifactId>managed</artifactId><version>${v}</version></dependency>
    <dependency><groupId>g</groupId><artifactId>unused</artifactId><version>1</version></dependency>
    <dependency><groupId>b</groupId><artifactId>om</artifactId><version>1</version><type>pom</type><scope>import</scope></dependency>
  </dependencies></dependencyManagement>
  <dependencies>
    <dependency><groupId>g</groupId><artifactId>a</artifactId><version>${w}</version></dependency>
    <!-- <dependency><groupId>g</groupId><artifactId>ghost</artifactId><version>1</version></dependency> -->
    <dependency><groupId>g</groupId><artifactId>managed</artifactId></dependency>
    <dependency><groupId>g</groupId><artifactId>inherited</artifactId></dependency>
    <dependency><groupId>g</groupId><artifactId>unset</artifactId><version>${nowhere}</version></dependency>
    <dependency><groupId>g</groupId><artifactId>range</artifactId><version>[1.2,2.0)</version><scope>test</scope></dependency>
    <dependency><groupId>${project.groupId}</groupId><artifactId>own</artifactId><version>${project.version}</version></dependency>
  </dependencies>
</project>`, `g:a =2.17.1 @10
g:managed =2.17.1 @12
g:inherited @13
g:unset @14 loose
g:range [1.2,2.0) @15 dev
p:own =7 @16`},
		{"build.gradle", `plugins { id 'java' version '1.0' }
buildscript { dependencies { classpath 'b:plugin:1.0' } }
def ver = "2.17.1"
ext { other = '3.0' }
ext.twice = '1'
ext.twice = '2'
dependencies {
    // implementation 'g:ghost:1.0'
    /* implementation 'g:ghost2:1.0' */
    implementation 'g:a:1.0'
    api("g:b:$ver")
    implementation "g:c:${other}", 'g:d:4.0@jar'
    compileOnly group: 'g', name: 'named', version: '5.0'
    implementation(group: 'g', name: 'nover')
    implementation platform('g:bom:6.0')
    implementation 'g:viabom'
    testImplementation('g:t:7.0') {
        exclude group: 'g', module: 'x'
    }
    implementation "g:e:$twice"
    implementation "g:f:${rootProject.unknown}"
    implementation 'g:dyn:1.+'
    implementation 'g:range:[1.0,2.0)'
    implementation project(':lib:core:x')
    implementation libs.foo
    constraints { implementation 'g:constrained:1.0' }
    def text = 'g:text:1.0'
    runtimeOnly 'g:strict:[1.5]',
        'g:next:2.0'
}
dependencyManagement { dependencies { dependency 'g:spring:1.0' } }
task x { println "implementation 'g:said:1.0'" }
`, `b:plugin =1.0 @2 dev
g:a =1.0 @10
g:b =2.17.1 @11
g:c =3.0 @12
g:d =4.0 @12
g:named =5.0 @13
g:nover @14
g:bom =6.0 @15
g:viabom @16
g:t =7.0 @17 dev loose
g:e @20 loose
g:f @21 loose
g:dyn @22 loose
g:range [1.0,2.0) @23
g:strict =1.5 @28
g:next =2.0 @29`},
		{"build.gradle.kts", `val v = "1.9.0"
dependencies {
    implementation(kotlin("stdlib"))
    implementation("g:a:$v")
    implementation(group = "g", name = "b", version = v)
    api(platform("g:bom:1.0"))
    implementation("g:c") { version { strictly("1.0") } }
    ksp(libs.room.compiler)
}
`, "org.jetbrains.kotlin:kotlin-stdlib @3\ng:a =1.9.0 @4\ng:b =1.9.0 @5\ng:bom =1.0 @6\ng:c @7 loose"},
		{"gradle.lockfile", "# c\ng:a:1.0=compileClasspath,runtimeClasspath\nempty=x\n", "g:a =1.0 @2"},
		{"gradle/libs.versions.toml", "[versions]\nv = \"1.0\"\nrich = { strictly = \"[1.0,2.0)\", prefer = \"1.5\" }\n[libraries]\na = \"g:a:1.0\"\nb = { module = \"g:b\", version.ref = \"v\" }\nc = { group = \"g\", name = \"c\", version = \"2.0\" }\nd = { module = \"g:d\", version.ref = \"rich\" }\ne = { module = \"g:e\" }\nf = { module = \"g:f\", version.ref = \"nowhere\" }\n", "g:a =1.0 @5 shared\ng:b =1.0 @6 shared\ng:c =2.0 @7 shared\ng:d [1.0,2.0) @8 shared\ng:e @9 shared\ng:f @10 shared loose"},
		{"Gemfile", `source "https://rubygems.org"
# gem "ghost", "1.0"
gem "rails", "~> 7.0", ">= 7.0.4" # note
gem 'exact', '1.2.3'
gem 'eq', '= 1.2.3', require: false
gem "none"
gem "git", git: "https://x", tag: "v1"
gem "hash", :path => "../x"
gem("paren", ">= 1")
gem "long",
  "~> 2.0",
  require: false
gem "arr", [">= 1", "< 2"]
gem "computed", VERSION
gem "cond", "1.0" if RUBY_VERSION
group :test, :development do
  gem "rspec", "3.0"
end
git "https://y" do
  gem "ingit", "1.0"
end
text = <<~X
  gem "indoc", "1.0"
X
=begin
gem "block", "1.0"
=end
puts 'gem "said"'
gem "last", "1.0", group: :test
__END__
gem "after", "1.0"
`, `rails ~> 7.0, >= 7.0.4 @3
exact =1.2.3 @4
eq =1.2.3 @5
none @6
git @7 loose
hash @8 loose
paren >= 1 @9
long ~> 2.0 @10
arr >= 1, < 2 @13
computed @14 loose
cond =1.0 @15 if if RUBY_VERSION
rspec =3.0 @17 dev
ingit =1.0 @20 loose
last =1.0 @29 dev`},
		{"Gemfile.lock", "GIT\n  remote: x\n  specs:\n    g (1.0)\n\nGEM\n  remote: https://rubygems.org/\n  specs:\n    rails (7.0.4)\n      rack (~> 2.0)\n    nokogiri (1.15.0-x86_64-linux)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  rails (~> 7.0)\n  g!\n", "g =1.0 @4 loose\nrails =7.0.4 @9\nnokogiri =1.15.0 @11"},
		{"composer.json", `{"require": {"php": ">=8.1",
"Monolog/Monolog": "^2.0", "exact": "v1.2.3", "branch": "dev-main", "flag": "1.0.x-dev"},
"require-dev": {"phpunit/phpunit": "~9.5"}}`, "php >=8.1 @1\nMonolog/Monolog ^2.0 @2\nexact =1.2.3 @2\nbranch dev-main @2 loose\nflag 1.0.x-dev @2 loose\nphpunit/phpunit ~9.5 @3 dev"},
		{"composer.lock", `{"packages": [{"name": "a/b", "version": "v1.2.3"}, {"name": "c/d", "version": "dev-main"},
{"name": "e/f", "version": "1.0.0", "dist": {"type": "path"}}],
"packages-dev": [{"name": "g/h", "version": "2.0.0"}]}`, "a/b =1.2.3 @1\nc/d =dev-main @1 loose\ne/f =1.0.0 @2 loose\ng/h =2.0.0 @3 dev"},
		{"src/App.csproj", `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><V>13.0.3</V></PropertyGroup>
  <PropertyGroup Condition="x"><C>1.0</C></PropertyGroup>
  <ItemGroup>
    <PackageReference Include="A" Version="1.2.3" />
    <!-- <PackageReference Include="Ghost" Version="1.2.3" /> -->
    <PackageReference Include="B"><Version>$(V)</Version></PackageReference>
    <PackageReference Include="C" Version="$(C)" />
    <PackageReference Include="D" />
    <PackageReference Include="E" Version="[2.0.0]" />
    <PackageReference Include="F" Version="[1.0,2.0)" PrivateAssets="all" />
    <ProjectReference Include="..\X\X.csproj" />
  </ItemGroup>
  <ItemGroup Condition="'$(TargetFramework)' == 'net48'"><PackageReference Include="G" Version="1.*" /></ItemGroup>
</Project>`, `A 1.2.3 @5
B 13.0.3 @7
C @8 loose
D @9
E =2.0.0 @10
F [1.0,2.0) @11 dev
G 1.* @14 optional if '$(TargetFramework)' == 'net48'`},
		{"Directory.Packages.props", "<Project><ItemGroup>\n<PackageVersion Include=\"A\" Version=\"1.2.3\"/>\n</ItemGroup></Project>", "A 1.2.3 @2 shared"},
		{"packages.config", "<packages>\n<package id=\"A\" version=\"1.2.3\"/>\n<package id=\"B\" version=\"1.0\" developmentDependency=\"true\"/></packages>", "A =1.2.3 @2\nB =1.0 @3 dev"},
		{"packages.lock.json", `{"version": 1, "dependencies": {"net8.0": {
"A": {"type": "Direct", "requested": "[1.0, )", "resolved": "1.2.3"},
"P": {"type": "Project"}}}}`, "A =1.2.3 @2\nP @3 loose"},
	} {
		got := show(read(t, c.path, c.text))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.path, diff)
		}
		if crlf := show(read(t, c.path, strings.ReplaceAll(c.text, "\n", "\r\n"))); crlf != show(read(t, c.path, c.text)) {
			t.Errorf("%s with CRLF:\n%s", c.path, cmp.Diff(c.want, crlf))
		}
		if strings.Contains(got, "ghost") {
			t.Errorf("%s: what is commented out counts:\n%s", c.path, got)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		path, text string
		line       int
		says       string
	}{
		{"go.sum", "", 0, "go.mod"},
		{"Makefile", "", 0, "Cargo.lock"},
		{"package.json", "{\n\"dependencies\": {", 2, "JSON"},
		{"package.json", "{\n\"dependencies\": [\"a\"]}", 2, "no map"},
		{"package.json", "{\"dependencies\": {\"a\": \"1\",\n\"a\": \"2\"}}", 2, "already"},
		{"package.json", "[]", 1, "list"},
		{"package-lock.json", `{"lockfileVersion": 9}`, 1, "lockfileVersion"},
		{"pnpm-lock.yaml", "lockfileVersion: 5.4\n", 1, "6 to 9"},
		{"pnpm-lock.yaml", "", 1, "empty"},
		{"yarn.lock", "# x\na@1\n", 2, "name@range"},
		{"yarn.lock", "  version \"1\"\n", 1, "before its fields"},
		{"yarn.lock", "a@1:\n  resolved \"x\"\n", 1, "no version"},
		{"requirements.txt", "a\nb c d\n", 2, "malformed requirement"},
		{"requirements.txt", "a\nb=1.0\n", 2, "malformed requirement"},
		{"pyproject.toml", "[project]\ndependencies = [\"a b\"]\n", 2, "malformed requirement"},
		{"pyproject.toml", "[project\n", 1, "TOML"},
		{"go.mod", "module m\nrequire x\n", 2, "go.mod"},
		{"go.mod", "", 1, "empty"},
		{"pom.xml", "<project>\n<dependencies></project>", 2, "XML"},
		{"pom.xml", "<other/>", 1, "<project>"},
		{"build.gradle", "dependencies {\n", 1, "does not close"},
		{"build.gradle", "x\n}\n", 2, "closes nothing"},
		{"build.gradle", "x = 'a\n", 1, "does not end"},
		{"build.gradle", "\n/* x\n", 2, "does not end"},
		{"gradle.lockfile", "# x\ng:a=1\n", 2, "group:artifact:version"},
		{"Gemfile.lock", "GEM\n  specs:\n    rails\n", 3, "name (version)"},
		{"Gemfile.lock", "", 1, "no section"},
		{"App.csproj", "<x/>", 1, "<Project>"},
		{"packages.config", "<packages><package/></packages>", 1, "without an id"},
		{"Cargo.lock", "[[package]]\nversion = \"1\"\n", 1, "without a name"},
		{"Gemfile", "gem \"a\"\xff", 1, "UTF-8"},
	} {
		m, err := manifest.Read(c.path, []byte(c.text))
		bad, ok := err.(*manifest.Error)
		if !ok {
			t.Errorf("%s %q: %v, %v; want an error", c.path, c.text, m, err)
			continue
		}
		if bad.Path != c.path || bad.Line != c.line || !strings.Contains(bad.Error(), c.says) {
			t.Errorf("%s %q: %v; want line %d and %q", c.path, c.text, bad, c.line, c.says)
		}
	}
}

func TestNames(t *testing.T) {
	for path, want := range map[string]string{
		"a/package.json": "a/package-lock.json a/npm-shrinkwrap.json a/yarn.lock a/pnpm-lock.yaml", "pyproject.toml": "poetry.lock uv.lock pdm.lock",
		"go.mod": "", "yarn.lock": "", "x/App.csproj": "x/packages.lock.json", "build.gradle.kts": "gradle.lockfile", "unknown": "",
	} {
		if got := strings.Join(manifest.LockNames(path), " "); got != want {
			t.Errorf("beside %s: %q, want %q", path, got, want)
		}
	}
	for _, c := range []struct {
		path, text, find string
		n                int
	}{
		{"requirements.txt", "Foo_Bar.baz==1\n", "foo-bar-baz", 1},
		{"requirements.txt", "foo\n", "foo[extra]", 1},
		{"packages.config", "<packages><package id='Newtonsoft.Json' version='1'/></packages>", "newtonsoft.json", 1},
		{"composer.json", `{"require": {"Monolog/Monolog": "1"}}`, "monolog/monolog", 1},
		{"package.json", `{"dependencies": {"Foo": "1"}}`, "foo", 0},
		{"go.mod", "module m\nrequire example.com/A v1.0.0\n", "example.com/a", 0},
		{"go.mod", "module m\nrequire example.com/a/v2 v2.0.0\n", "example.com/a", 0},
		{"Cargo.toml", "[dependencies]\nserde_json = \"1\"\n", "serde-json", 1},
		{"gradle.lockfile", "g:a:1=x\n", "a", 0},
	} {
		if got := read(t, c.path, c.text).Find(c.find); len(got) != c.n {
			t.Errorf("%s: %s finds %v, want %d", c.path, c.find, got, c.n)
		}
	}
	m := read(t, "package.json", `{"dependencies": {"express": "1", "@types/express": "1", "lodash": "1", "helmet": "1"}}`)
	for find, want := range map[string]string{"expres": "express @types/express", "helmet-csp": "helmet", "lodahs": "lodash", "zzzzzzzz": ""} {
		if got := strings.Join(m.Nearest(find, 2), " "); got != want {
			t.Errorf("near %s: %q, want %q", find, got, want)
		}
	}
	if got := strings.Join(read(t, "gradle.lockfile", "org.apache:log4j-core:1=x\n").Nearest("log4j-core", 2), " "); got != "org.apache:log4j-core" {
		t.Errorf("near log4j-core: %q", got)
	}
}
