package impact

import (
	"regexp"

	"github.com/redoubt-dev/redoubt/evidence"
)

func find(kind Kind, match string) pattern {
	p := pattern{kind: kind, match: regexp.MustCompile(match)}
	if text := evidence.Literal(p.match); text != "" {
		p.near = []string{text}
	}
	return p
}

func (p pattern) called(what string) pattern { p.fixed = what; return p }

func (p pattern) with(any ...string) pattern { p.near = any; return p }

func (p pattern) in(files string) pattern { p.only = regexp.MustCompile(files); return p }

const verbs = `get|post|put|patch|delete|head|options`

// patterns are what the lines of each language bring. They know the usual frameworks by their calls; a route has its method, if
// the call names one, and its path.
var patterns = map[language][]pattern{
	golang: {
		find(Route, `\.Handle(?:Func)?\(\s*"([A-Z]+ )?([^"]+)"`),                                                                    // net/http, gorilla/mux, chi
		find(Route, `\.(?i:(`+verbs+`|any|all|group|route|mount|path|pathprefix))\(\s*"(/[^"]*)"`).with(`"/`),                       // gin, echo, chi, fiber
		find(Route, `\.Register(\w+)Server\(`),                                                                                      // gRPC
		find(Environment, `\bos\.(?:Getenv|LookupEnv)\(\s*"([^"]+)"`),                                                               //
		find(Environment, `\benv(?:config)?:"([A-Za-z_]\w*)`),                                                                       // struct tags
		find(Environment, `\bviper\.BindEnv\(\s*"([^"]+)"`),                                                                         //
		find(Upload, `\.(?:FormFile|ParseMultipartForm|MultipartReader|MultipartForm|SaveUploadedFile)\(`).called("multipart form"), //
		find(Listener, `\b(?:http|fasthttp)\.ListenAndServe(?:TLS)?\(\s*("[^"]*")?`).called("HTTP server"),                          //
		find(Listener, `\bnet\.Listen(?:Packet|TCP|UDP)?\(`).called("network listener"),                                             //
		find(Command, `\bexec\.Command(?:Context)?\(`).called("a program is run"),                                                   //
	},
	python: {
		find(Route, `@\w+(?:\.\w+)*\.(`+verbs+`|route|websocket|api_route)\(\s*[rbuf]?["']([^"']*)["']`), // Flask, FastAPI, Sanic, Bottle
		find(Route, `\.add_(get|post|put|patch|delete|api_route|url_rule|route|view)\(\s*[rbuf]?["']([^"']*)["']`),
		find(Route, `\bweb\.(`+verbs+`|view)\(\s*["'](/[^"']*)["']`),                                                                                                      // aiohttp
		find(Route, `\b(?:re_)?path\(\s*r?["']([^"']*)["']\s*,`).in(`(?:^|/)\w*urls\w*\.py$`),                                                                             // Django
		find(Route, `\brouter\.register\(\s*r?["']([^"']*)["']`),                                                                                                          // Django REST
		find(Environment, `\bos\.environ(?:\.get\(|\[|\.setdefault\(|\.pop\()\s*["']([^"']+)["']`),                                                                        //
		find(Environment, `\b(?:os\.)?getenv\(\s*["']([^"']+)["']`),                                                                                                       //
		find(Environment, `\b(?:env|config|environ)(?:\.\w+)?\(\s*["']([A-Z][A-Z0-9_]+)["']`),                                                                             // environs, decouple
		find(Upload, `\brequest\.(?:FILES|files)\b|\bUploadFile\b|\bFileField\(|\bMultiPartParser\b`).with("equest", "Upload", "Field", "Multi").called("multipart form"), //
		find(Listener, `\b(?:uvicorn|app|application)\.run\(|\.serve_forever\(|\.bind\(\s*\(`).with(".run(", ".serve_forever(", ".bind(").called("network listener"),      //
		find(Command, `\bsubprocess\.\w+\(|\bos\.(?:system|popen|exec\w+)\(`).with("subprocess", "os.").called("a program is run"),                                        //
	},
	javascript: {
		find(Route, "\\b\\w*(?i:app|router|server|api|fastify|routes|express|hono|koa|elysia)\\.(?i:("+verbs+"|all|use|route|ws|mount))\\(\\s*[\"'`](/[^\"'`]*)[\"'`]").with("\"/", "'/", "`/"),
		find(Route, "@(Get|Post|Put|Patch|Delete|All|Controller)\\(\\s*[\"'`]([^\"'`]+)[\"'`]"), // NestJS
		find(Environment, `\b(?:process|import\.meta|Bun)\.env(?:\.|\[\s*["'])([A-Za-z_]\w*)`),
		find(Environment, `\bDeno\.env\.get\(\s*["']([^"']+)["']`),
		find(Upload, `\b(?:multer|formidable|busboy|Busboy|fileUpload)\(|\bFiles?Interceptor\(|\bupload\.(?:single|array|fields|any)\(`).with("multer", "ormidable", "usboy", "pload", "Interceptor").called("multipart form"),
		find(Upload, `type=["']file["']`).called("file input"),
		find(Listener, `\b\w*(?i:app|server|fastify)\.listen\(`).called("network listener"),
		find(Command, `\b(?:execSync|execFile|execFileSync|spawn|spawnSync)\(|\bchild_process\b`).with("exec", "spawn", "child_process").called("a program is run"),
	},
	java: {
		find(Route, `@(Get|Post|Put|Patch|Delete|Request)Mapping\(.*?"([^"]+)"`),               // Spring
		find(Route, `@Path\(\s*"([^"]+)"`),                                                     // JAX-RS
		find(Environment, `\bSystem\.getenv\(\s*"([^"]+)"`),                                    //
		find(Upload, `\bMultipartFile\b|\bMultiPart\b`).with("Multi").called("multipart form"), //
		find(Command, `\bRuntime\.getRuntime\(\)\.exec\(|\bnew ProcessBuilder\(`).with("getRuntime", "ProcessBuilder").called("a program is run"),
		find(Dependency, `\b(?:implementation|api|compileOnly|runtimeOnly|annotationProcessor|classpath)\s*\(?\s*["']([^"':]+:[^"':]+)`).in(`\.gradle(?:\.kts)?$`),
	},
	ruby: {
		find(Route, `^\s*(get|post|put|patch|delete|match|mount|resources?|namespace)\s*\(?\s*(?:["'](/?[^"']+)["']|:(\w+))`).in(`routes[^/]*\.rb$|routes/`),
		find(Route, `^\s*(get|post|put|patch|delete)\s*\(?\s*["'](/[^"']*)["']`), // Sinatra
		find(Environment, `\bENV(?:\.fetch\(|\[)\s*["']([^"']+)["']`),
		find(Upload, `\bhas_(?:one|many)_attached\b|\bmount_uploaders?\b`).with("_attached", "mount_uploader").called("attachment"),
		find(Command, `\b(?:system|Open3\.\w+|IO\.popen)\(`).called("a program is run"),
	},
	php: {
		find(Route, `\bRoute::(get|post|put|patch|delete|any|match|resource|apiResource)\(\s*["']([^"']+)["']`),                               // Laravel
		find(Route, `#\[Route\(\s*["']([^"']+)["']`),                                                                                          // Symfony
		find(Environment, `\b(?:getenv|env)\(\s*["']([^"']+)["']`),                                                                            //
		find(Environment, `\$_(?:ENV|SERVER)\[\s*["']([A-Z][A-Z0-9_]+)["']`),                                                                  //
		find(Upload, `\$_FILES\b|\bmove_uploaded_file\(|->hasFile\(`).with("FILES", "move_uploaded_file", "hasFile").called("multipart form"), //
		find(Command, `\b(?:shell_exec|proc_open|passthru|popen)\(`).called("a program is run"),
	},
	csharp: {
		find(Route, `\[Http(Get|Post|Put|Patch|Delete)\(\s*"([^"]+)"`),
		find(Route, `\[Route\(\s*"([^"]+)"`),
		find(Route, `\.Map(Get|Post|Put|Patch|Delete)\(\s*"([^"]+)"`),
		find(Environment, `\bGetEnvironmentVariable\(\s*"([^"]+)"`),
		find(Upload, `\bIFormFile\b`).called("multipart form"),
		find(Command, `\bProcess\.Start\(`).called("a program is run"),
	},
	rust: {
		find(Route, `#\[(get|post|put|patch|delete|head|options)\(\s*"([^"]+)"`), // actix, rocket
		find(Route, `\.route\(\s*"([^"]+)"`),                                     // axum
		find(Environment, `\benv::var(?:_os)?\(\s*"([^"]+)"`),
		find(Environment, `\b(?:option_)?env!\(\s*"([^"]+)"`),
		find(Upload, `\bMultipart\b`).called("multipart form"),
		find(Listener, `\bTcpListener::bind\(`).called("network listener"),
		find(Command, `\bCommand::new\(`).called("a program is run"),
	},
	shell: {find(Environment, `^\s*export\s+([A-Za-z_]\w*)=`)},
	docker: {
		find(Dependency, `^\s*(?i:FROM)\s+(?:--platform=\S+\s+)?([^\s:@]+(?::\d+/[^\s:@]+)?)`),
		find(Listener, `^\s*(?i:EXPOSE)\s+(\S+)`),
		find(Environment, `^\s*(?i:ENV|ARG)\s+([A-Za-z_]\w*)`),
	},
	settings: {
		find(Environment, `^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=`).in(`(?:^|/)\.env[^/]*$|\.env$`),
		find(Environment, `\$\{([A-Z][A-Z0-9_]{2,})\b`),
		find(Dependency, `^\s*(?:-\s+)?uses:\s*["']?([\w.-]+/[\w./-]+)@`).in(`(?:^|/)\.github/`),
		find(Dependency, `^\s*(?:-\s+)?image:\s*["']?([\w./-]+(?::\d+/[\w./-]+)?)`),
	},
	objects: {},
	markup: {
		find(Upload, `type=["']file["']`).called("file input"),
	},
}
