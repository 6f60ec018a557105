package verify_test

import (
	"strings"
	"testing"
)

// The same claims hold in JavaScript, TypeScript and with JSX of either.
func TestJavaScriptClaims(t *testing.T) {
	const app = "import express, { json } from 'express';\nimport get from \"lodash/get\";\nimport './side.js';\nconst fs = require('node:fs');\n" +
		"// function gone() {}\n/* function gone2() {} */\nconst s = `function gone3() {} ${inner('x')}`, r = /function gone4() {}/g;\n" +
		"export async function check(\n  a,\n  b = 1,\n)\n{\n  try {\n    return await this.db.query(a);\n  } catch (e) {\n    log(e);\n  }\n}\n\n" +
		"const arrow = (x) => { if (!x) throw new Error('x'); return verify(x); };\nfunction one(x) { return x }\n" +
		"class Auth {\n  #secret = 1;\n  async login({ user, password }, ...rest) { return crypto.timingSafeEqual(user, password); }\n  static of() { return new Auth(); }\n}\n" +
		"app.use(helmet());\n// app.use(csurf());\nres.setHeader('X-Frame-Options', 'DENY');\nconst t = req.headers['x-token'];\nconst url = process.env.DATABASE_URL;\n"
	for _, ext := range []string{"js", "mjs", "cjs", "jsx", "ts", "mts", "tsx"} {
		f := "a." + ext
		testRows(t, []row{
			{"several lines", f, app, fn, []string{"name", "check"}, ""},
			{"arrow", f, app, fn, []string{"name", "arrow"}, ""},
			{"one line", f, app, fn, []string{"name", "one"}, ""},
			{"method", f, app, fn, []string{"name", "Auth.login"}, ""},
			{"crlf", f, strings.ReplaceAll(app, "\n", "\r\n"), fn, []string{"name", "check"}, ""},
			{"tabs", f, strings.ReplaceAll(app, "  ", "\t"), fn, []string{"name", "check"}, ""},
			{"bom", f, "\xef\xbb\xbf" + app, fn, []string{"name", "check"}, ""},
			{"comment", f, app, fn, []string{"name", "gone"}, "no function gone"},
			{"block comment", f, app, fn, []string{"name", "gone2"}, "no function gone2"},
			{"template", f, app, fn, []string{"name", "gone3"}, "no function gone3"},
			{"regex", f, app, fn, []string{"name", "gone4"}, "no function gone4"},
			{"mere call", f, app, fn, []string{"name", "log"}, "no function log in"},
			{"near", f, app, fn, []string{"name", "chekc"}, "check is at " + f + ":8"},
			{"class", f, app, class, []string{"name", "Auth"}, ""},
			{"function is no class", f, app, class, []string{"name", "one"}, "it is a function"},
			{"receiver", f, app, calls, []string{"caller", "check", "callee", "db.query"}, ""},
			{"next function", f, app, calls, []string{"caller", "check", "callee", "verify"}, "not verify"},
			{"in a method", f, app, calls, []string{"caller", "login", "callee", "crypto.timingSafeEqual"}, ""},
			{"other receiver", f, app, calls, []string{"caller", "login", "callee", "buffer.timingSafeEqual"}, "Auth.login calls crypto.timingSafeEqual"},
			{"handled", f, app, errh, []string{"function", "check"}, ""},
			{"not handled", f, app, errh, []string{"function", "one"}, "handles no error"},
			{"checked", f, app, param, []string{"function", "arrow", "parameter", "x"}, ""},
			{"passed on", f, app, param, []string{"function", "one", "parameter", "x"}, "without checking"},
			{"import", f, app, imp, []string{"module", "express"}, ""},
			{"path within", f, app, imp, []string{"module", "lodash"}, ""},
			{"side effect", f, app, imp, []string{"module", "./side.js"}, ""},
			{"builtin", f, app, imp, []string{"module", "fs"}, ""},
			{"not imported", f, app, imp, []string{"module", "expres"}, "express (line 1)"},
			{"registered", f, app, mware, []string{"middleware", "helmet"}, ""},
			{"commented", f, app, mware, []string{"middleware", "csurf"}, "it registers helmet"},
			{"set", f, app, header, []string{"header", "X-Frame-Options", "value", "DENY"}, ""},
			{"read", f, app, header, []string{"header", "x-token"}, "does not set x-token"},
			{"environment", f, app, env, []string{"variable", "DATABASE_URL"}, ""},
			{"no environment", f, app, env, []string{"variable", "DATABASE"}, "DATABASE_URL (line"},
			{"code", f, app, pattern, []string{"pattern", `timingSafeEqual`}, ""},
			{"only in a comment", f, app, pattern, []string{"pattern", `csurf`}, "only in a comment"},
			{"absent", f, app, absent, []string{"pattern", `csurf`, "witness", "csurf"}, "in a comment"},
			{"does not parse", f, "function f( {", fn, []string{"name", "f"}, "cannot be parsed"},
		})
	}
}

func TestTypeScriptClaims(t *testing.T) {
	const svc = "@Controller('/keys')\nexport class Keys<T extends { a: number }> {\n  constructor(private readonly db: Db) {}\n  @UseGuards(\n    AuthGuard('jwt'),\n  )\n  @Get()\n  async find<K>(@Param('id') id: string): Promise<Map<string, K>> {\n    if (!isUUID(id)) throw new Error('id');\n    return this.db.find(id);\n  }\n}\n" +
		"export interface Store { put(key: string): void }\nexport type Id = string;\nfunction over(a: string): void;\nfunction over(a: number): void;\nfunction over(a: any) { validate(a); }\ndeclare function outside(a: string): void;\nabstract class Base { abstract run(): void }\nconst typed: (x: number) => void = (x) => { go(x); };\n"
	for _, f := range []string{"a.ts", "a.mts", "a.cts", "a.tsx"} {
		testRows(t, []row{
			{"generic", f, svc, fn, []string{"name", "Keys.find"}, ""},
			{"overloads", f, svc, fn, []string{"name", "over"}, ""},
			{"declared only", f, svc, fn, []string{"name", "outside"}, "without a body"},
			{"abstract", f, svc, fn, []string{"name", "Base.run"}, "without a body"},
			{"interface method", f, svc, fn, []string{"name", "Store.put"}, "without a body"},
			{"typed binding", f, svc, fn, []string{"name", "typed"}, ""},
			{"decorated class", f, svc, deco, []string{"function", "Keys", "decorator", "Controller"}, ""},
			{"decorated method", f, svc, deco, []string{"function", "find", "decorator", "UseGuards"}, ""},
			{"not decorated", f, svc, deco, []string{"function", "find", "decorator", "Public"}, "does not carry Public"},
			{"interface", f, svc, class, []string{"name", "Store"}, ""},
			{"type", f, svc, class, []string{"name", "Id"}, ""},
			{"checked", f, svc, param, []string{"function", "find", "parameter", "id"}, ""},
			{"overload checks", f, svc, calls, []string{"caller", "over", "callee", "validate"}, ""},
		})
	}
}
