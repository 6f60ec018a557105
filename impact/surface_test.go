package impact_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/impact"
)

// found is what a diff brings, each as "kind what:line".
func found(t *testing.T, diff string) []string {
	t.Helper()
	var out []string
	for _, s := range impact.FindSurface(parse(t, diff)) {
		out = append(out, fmt.Sprintf("%s %s:%d", s.Kind, s.What, s.Line))
	}
	return out
}

// added is a diff that adds lines from line 10 on.
func added(file string, lines ...string) string {
	for i := range lines {
		lines[i] = "+" + lines[i]
	}
	return one(file, "", append([]string{" x"}, lines...)...)
}

// Lines of each language and manifest, and what they bring; the line is 11 and up.
func TestSurface(t *testing.T) {
	for _, c := range []struct {
		file  string
		lines string
		want  []string
	}{
		{"srv/api.go", `mux.HandleFunc("POST /login", login)`, []string{"route POST /login:11"}},
		{"srv/api.go", `r.Get("/users/{id}", user)`, []string{"route GET /users/{id}:11"}},
		{"srv/api.go", `e.POST("/users", create)`, []string{"route POST /users:11"}},
		{"srv/api.go", `resp, err := http.Get("https://billing.acme.io/v1/charge?key=abc")`, []string{"endpoint https://billing.acme.io:11"}},
		{"srv/api.go", `pb.RegisterPaymentsServer(s, impl)`, []string{"route Payments:11"}},
		{"srv/api.go", `dsn := os.Getenv("DATABASE_URL")`, []string{"environment_variable DATABASE_URL:11"}},
		{"srv/api.go", "Port int `env:\"PORT\"`", []string{"environment_variable PORT:11"}},
		{"srv/api.go", `f, h, err := r.FormFile("photo")`, []string{"file_upload multipart form:11"}},
		{"srv/api.go", `http.ListenAndServe(":8080", mux)`, []string{"listener HTTP server:11"}},
		{"srv/api.go", `exec.Command("convert", in, out)`, []string{"command a program is run:11"}},
		{"srv/api.go", `const apiKey = "sk-live-123456"`, []string{"secret apiKey:11"}},
		{"srv/api.go", `dsn := "postgres://app:hunter2@db.internal:5432/app"`, []string{"endpoint postgres://db.internal:5432:11"}},
		{"srv/api.go", `token := r.Header.Get("Authorization")`, nil},
		{"srv/api.go", `password := "${PASSWORD}"`, nil},
		{"srv/api.go", `// mux.HandleFunc("/old", login)`, nil},
		{"srv/api.go", `x := 1 // os.Getenv("OLD")`, nil},
		{"srv/api.go", `s := "a // b"; t := os.Getenv("NEW")`, []string{"environment_variable NEW:11"}},
		{"srv/api.go", "/*\nmux.HandleFunc(\"/old\", login)\n*/\nmux.HandleFunc(\"/new\", login)", []string{"route /new:14"}},
		{"srv/api.go", " * mux.HandleFunc(\"/old\", login)", nil},
		{"srv/api_test.go", `mux.HandleFunc("/login", login)`, nil},
		{"vendor/x/api.go", `mux.HandleFunc("/login", login)`, nil},
		{"docs/api.md", `mux.HandleFunc("/login", login)`, nil},
		{"app/views.py", `@app.route("/login", methods=["POST"])`, []string{"route /login:11"}},
		{"app/views.py", `@router.post('/items')`, []string{"route POST /items:11"}},
		{"app/urls.py", `path("admin/", admin.site.urls),`, []string{"route admin/:11"}},
		{"app/views.py", `path("admin/", x)`, nil},
		{"app/views.py", `key = os.environ["SIGNING"]`, []string{"environment_variable SIGNING:11"}},
		{"app/views.py", `url = os.getenv("API_URL", "x")`, []string{"environment_variable API_URL:11"}},
		{"app/views.py", `f = request.files["photo"]`, []string{"file_upload multipart form:11"}},
		{"app/views.py", `subprocess.run(cmd)`, []string{"command a program is run:11"}},
		{"app/views.py", `# os.getenv("OLD")`, nil},
		{"app/views.py", "\"\"\"\nos.getenv(\"OLD\")\n\"\"\"\nos.getenv(\"NEW\")", []string{"environment_variable NEW:14"}},
		{"app/views.py", "os.getenv(\"FIRST\")\n\"\"\"\nos.getenv(\"SECOND\")", []string{"environment_variable FIRST:11", "environment_variable SECOND:13"}}, // either side of """ may be the text
		{"src/app.js", `app.post('/login', limiter, login)`, []string{"route POST /login:11"}},
		{"src/app.ts", "router.get(`/users/:id`, user)", []string{"route GET /users/:id:11"}},
		{"src/app.ts", `@Get('users')`, []string{"route GET users:11"}},
		{"src/app.ts", `await axios.get('/users')`, nil},
		{"src/app.ts", `const url = process.env.API_URL ?? process.env['OTHER']`, []string{"environment_variable API_URL:11", "environment_variable OTHER:11"}},
		{"src/app.ts", `const upload = multer({ dest: 'up/' })`, []string{"file_upload multipart form:11"}},
		{"src/app.ts", `fetch("http://169.254.169.254/latest/meta-data")`, []string{"endpoint http://169.254.169.254:11"}},
		{"src/app.ts", `fetch("http://localhost:3000/x"); fetch("https://example.com/")`, nil},
		{"src/A.java", `@PostMapping("/login")`, []string{"route POST /login:11"}},
		{"src/A.java", `String x = System.getenv("X_URL");`, []string{"environment_variable X_URL:11"}},
		{"config/routes.rb", `  post '/login', to: 'sessions#create'`, []string{"route POST /login:11"}},
		{"config/routes.rb", `  resources :users`, []string{"route users:11"}},
		{"routes/web.php", `Route::post('/login', [A::class, 'login']);`, []string{"route POST /login:11"}},
		{"src/A.php", `#[Route('/login')]`, []string{"route /login:11"}},
		{"A.cs", `[HttpPost("login")]`, []string{"route POST login:11"}},
		{"src/a.rs", `#[post("/login")]`, []string{"route POST /login:11"}},
		{"src/a.rs", `let x = env::var("X_URL")?;`, []string{"environment_variable X_URL:11"}},
		{"Dockerfile", "FROM node:22-alpine\nEXPOSE 8080\nENV NODE_ENV=production", []string{"listener 8080:12", "environment_variable NODE_ENV:13", "dependency node:11"}},
		{".env.example", "API_TOKEN_URL=x\n# OLD=1", []string{"environment_variable API_TOKEN_URL:11"}},
		{"deploy/app.yaml", "  db_password: hunter2\n  # api_key: x\n  image: redis:7", []string{"secret db_password:11", "dependency redis:13"}},
		{".github/workflows/ci.yml", "      - uses: actions/checkout@v4", []string{"dependency actions/checkout:11"}},
		{"public/x.html", `<input type="file" name="f"> <!-- <input type="file"> -->`, []string{"file_upload file input:11"}},
		{"package.json", "  \"dependencies\": {\n    \"helmet\": \"^8.0.0\",\n    \"@scope/pkg\": \"workspace:*\"\n  },\n  \"version\": \"1.2.3\"", []string{"dependency helmet:12", "dependency @scope/pkg:13"}},
		{"package.json", "  \"engines\": {\n    \"fsevents\": \">=20\"\n  }", nil},
		{"package-lock.json", "  \"helmet\": \"^8.0.0\"", nil},
		{"go.mod", "\tgolang.org/x/crypto v0.31.0\n\tgolang.org/x/net v0.1.0 // indirect\nreplace a.b/c v1.0.0 => ../c", []string{"dependency golang.org/x/crypto:11"}},
		{"requirements-dev.txt", "flask[async]>=3 ; python_version > '3.8'\n-r base.txt\n# gone==1\nPyJWT", []string{"dependency flask:11", "dependency PyJWT:14"}},
		{"pyproject.toml", "[project]\nversion = \"1.0\"\ndependencies = [\n  \"httpx>=0.27\",\n  \"rich\",\n]\nkeywords = [\n  \"security\",\n]", []string{"dependency httpx:14", "dependency rich:15"}},
		{"Cargo.toml", "[package]\nversion = \"0.1.0\"\n[dependencies]\nserde = { version = \"1\" }\ntokio = \"1.0\"", []string{"dependency serde:14", "dependency tokio:15"}},
		{"Gemfile", "gem 'devise', '~> 4.9'", []string{"dependency devise:11"}},
		{"pom.xml", "<artifactId>log4j-core</artifactId>", []string{"dependency log4j-core:11"}},
		{"app/build.gradle.kts", `implementation("com.squareup.okhttp3:okhttp:4.12.0")`, []string{"dependency com.squareup.okhttp3:okhttp:11"}},
		{"composer.json", `"require": {` + "\n" + `"guzzlehttp/guzzle": "^7"`, []string{"dependency guzzlehttp/guzzle:12"}},
		{"A.csproj", `<PackageReference Include="Serilog" Version="4.0" />`, []string{"dependency Serilog:11"}},
	} {
		if diff := cmp.Diff(c.want, found(t, added(c.file, strings.Split(c.lines, "\n")...))); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", c.file, c.lines, diff)
		}
	}
}

// What the change takes away, leaves or only moves is not new.
func TestSurfaceIsNew(t *testing.T) {
	for name, c := range map[string]struct {
		diff string
		want []string
	}{
		"removed":         {one("a.go", "", `-os.Getenv("X")`, "+y"), nil},
		"in the context":  {one("a.go", "", ` os.Getenv("X")`, "-x", "+y"), nil},
		"edited":          {one("go.mod", "", "-\ta.b/c v1.0.0", "+\ta.b/c v1.1.0"), nil},
		"moved":           {one("b.go", "", `+	r.Get("/x", h)`) + one("a.go", "", `-r.Get("/x", h)`), nil},
		"twice":           {added("a.go", `os.Getenv("X")`, `os.Getenv("X")`), []string{"environment_variable X:11"}},
		"a file, renamed": {moved("x/b.ts", "x/c.ts"), nil},
		"a file that is a route": {
			"diff --git a/app/login/route.ts b/app/login/route.ts\nnew file mode 100644\n--- /dev/null\n+++ b/app/login/route.ts\n@@ -0,0 +1 @@\n+x\n",
			[]string{"route /login:1"},
		},
		"a comment that opens above": {one("a.go", "", " /*", `+	r.Get("/x", h)`, " */"), nil},
	} {
		if diff := cmp.Diff(c.want, found(t, c.diff)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	changes, err := impact.Paths([]string{"app/login/route.ts"})
	if err != nil {
		t.Fatal(err)
	}
	if list := impact.FindSurface(changes); list != nil {
		t.Errorf("of a path alone: %+v", list)
	}
}

// What comes back of the diff is a clean line of bounded length, and never the value of a secret.
func TestSurfaceIsClean(t *testing.T) {
	diff := added("a.go", "os.Getenv(\"A\u202eB\x07 "+strings.Repeat("x", 500)+"\")", `password := "hunter2hunter2"`)
	for _, s := range impact.FindSurface(parse(t, diff)) {
		if strings.ContainsAny(s.What, "\u202e\x07") || len([]rune(s.What)) > impact.MaxWhat || strings.Contains(s.What, "hunter2") {
			t.Errorf("%+v", s)
		}
	}
	if got := impact.Show("a\xffb\r\nc", 10); got != "a\uFFFDb c" {
		t.Errorf("%q", got)
	}
}
