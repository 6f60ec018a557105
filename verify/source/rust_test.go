package source

import (
	"errors"
	"testing"
)

func TestRust(t *testing.T) {
	claims(t, "a.rs", []claim{
		{"comments, strings, characters, macros and mentions are no declarations", "// fn a() {}\n/// fn b() {}\n/* /* fn c() {} */ fn d() {} */\n//! fn e() {}\nconst S: &str = \"fn f() {}\";\nconst R: &str = r#\"fn g() { \"x\" }\"#;\nconst B: &[u8] = br\"fn h() {}\";\nmacro_rules! m { ($x:ident) => { fn $x() { i() } } }\nm!(j);\nquote! { fn k() { l() } }\ntype F = fn(u8) -> u8;\nfn n<'a>(x: &'a str) -> char { let y = '\"'; let z = '\\''; let w: fn() = o; p('{') }\n", []string{
			"no decl a", "no decl b", "no decl c", "no decl d", "no decl e", "no decl f", "no decl g", "no decl h", "no decl i", "no decl j", "no decl k", "decl type F 11", "decl function n 12", "call n p", "no call n o", "string fn f() {}",
		}},
		{"signatures over lines, generics, where, one-liners", "pub(in crate::x) const unsafe extern \"C\" fn a<\n  'a,\n  T: Fn(&u8) -> Vec<Vec<u8>> + 'a,\n  const N: usize,\n>(\n  mut b: T,\n  [c, ..]: [u8; 3],\n  S { d, e: f, .. }: S,\n  _: u8,\n  &g: &u8,\n) -> impl Iterator<Item = [u8; { 1 + 2 }]>\nwhere\n  T: Clone,\n{\n  h()\n}\nfn i() -> u8 { j() }\nfn k(r#type: u8) {}\n", []string{
			"decl function a 1 body 14-16", "params a b,c,d,f,g", "call a h", "decl function i 17 body 17-17", "call i j", "params k type",
		}},
		{"owners", "mod a { pub mod b { pub struct C<T>(T); impl<T: D<u8>> E<T> for C<T> { fn f(&self) { g() } } } fn h() { i() } }\nimpl dyn J { fn k() { l() } }\nimpl<'a> M for &'a mut n::O<'a> { fn p() { q() } }\nimpl<T> R for [T] { fn s() { t() } }\nunsafe impl Send for U {}\nimpl FnOnce<()> for V { extern \"rust-call\" fn w(self) { x() } }\nimpl<F> Y for F where F: Fn(u8) -> Z { fn aa() { bb() } }\n", []string{
			"decl class a.b.C 1", "decl function a.b.C.f 1", "call C::f g", "decl function a.h 1", "decl function J.k 2", "decl function O.p 3", "call O::p q", "decl function ?.s 4", "no decl Send", "decl function V.w 6", "decl function F.aa 7",
		}},
		{"traits, enums, unions, types, foreign functions, functions in functions", "pub unsafe auto trait A: B { type C; const D: u8 = 1; fn e(&self); fn f() { g() } }\nenum H { I(u8), J { k: u8 } }\nunion L { m: u8 }\ntype N<T> = Vec<T>;\nextern \"C\" { fn o(p: u8) -> u8; static q: u8; }\nfn r() { struct S; impl S { fn t() { u() } } fn v() { w() } v(); const X: u8 = { fn y() { z() } 1 }; }\ntrait AA = BB;\n", []string{
			"decl interface A 1", "decl function A.e 1", "decl function A.f 1", "call A::f g", "no decl C", "no decl D", "decl class H 2", "no decl I", "decl class L 3", "decl type N 4", "decl function o 5", "no decl q", "decl class r.S 6", "decl function r.S.t 6",
			"decl function r.v 6", "call r v", "decl function r.y 6", "no decl BB",
		}},
		{"attributes", "#[a]\n#[b::c(\n  d = \"]\", // )\n)]\n/// doc\npub fn e() { f() }\n#![g]\n#[cfg_attr(h, i)] struct J { #[k] l: u8 }\n#[unsafe(no_mangle)] fn m() { #[n] let o = p(); }\n", []string{
			"decorator e a", "decorator e b.c", "no decorator e g", "decorator J cfg_attr", "no decorator J k", "decorator m no_mangle", "no call m n", "call m p", "no decorator J g",
		}},
		{"calls and patterns", "fn a() {\n  f.g().h::<Vec<u8>>(3);\n  i::j::<u8>(4);\n  p!(q(6)); r![s()]; t! { u() }\n  if !(v) { return (w); }\n  match x(7) { Y(z) => aa(z), bb::CC { dd } if ee(dd) => {} Some(FF(_)) | None => () }\n  if let GG(hh) = ii() {}\n  let JJ(kk) = ll() else { mm() };\n  matches!(qq(), RR(_));\n  SS(1);\n  tt?.uu()?;\n  #[cfg(vv)] ww();\n}\n", []string{
			"call a ?.h", "call a i.j", "call a p", "call a q", "call a r", "call a s", "call a t", "call a u", "no call a if", "no call a return", "call a x", "no call a Y", "call a aa", "call a ee", "no call a FF", "no call a GG", "call a ii",
			"no call a JJ", "call a ll", "call a mm", "call a qq", "no call a RR", "call a SS", "call a ?.uu", "no call a cfg", "call a ww",
		}},
		{"imports", "use a;\nuse b::c as d;\npub use e::{self, f::{g, h as i}, *};\nuse ::j::k;\nuse crate::l;\nextern crate m;\n// use n;\nconst S: &str = \"use o;\";\nfn p() { use q::r; r() }\n", []string{
			"import a", "import b.c", "import e", "import e.f.g", "import e.f.h", "import e *", "import j.k", "import crate.l", "import m", "no import n", "no import o", "import q.r",
		}},
		{"errors", "fn a() { if let Err(e) = f() { log(e) } }\nfn b() -> R { f()?; Ok(()) }\nfn c() { f().unwrap(); f().expect(\"x\"); f().ok(); let _ = f(); }\nfn d() { match f() { Ok(_) => {} Err(e) => log(e) } }\nfn e() -> R { match f() { Ok(x) => x, Err(e) => return Err(e), } }\nfn g() { match f() { Ok(x) => x, Err(_) => {} } }\nfn h() { match f() { Ok(x) => x, Err(e) => panic!(\"{e}\") } }\n" +
			"fn i() -> R { f().map_err(|e| X(e)) }\nfn j() { f().unwrap_or_else(|e| log(e)) }\nfn k() { o.unwrap_or_else(|| 1) }\nfn l() { let Ok(x) = f() else { return g() }; }\nfn m() { if let Ok(x) = f() { y(x) } else { z() } }\nfn n() { if let Ok(x) = f() { y(x) } }\nfn o() { if f().is_err() { g() } }\nfn p() { f().map_err(|_| ()) }\nfn q() -> R { f().context(\"why\")? }\nfn r() { o.unwrap_or(1) }\nfn s() { t.parse::<u16>().unwrap_or(1) }\nfn u() { // if let Err(e) = f() { log(e) }\n  \"Err(e) => log(e)\"; }\nfn v() { if let Err(X::Y(ref e)) = f() { continue } }\nfn w() { match f() { Err(e) if e.x() => { warn!(\"{e}\"); 1 } _ => 2 } }\nfn x() -> R { Err(Y) }\nfn y() { f().map_err(Z)?; }\n", []string{
			"handler a", "no handler b", "no handler c", "handler d", "no handler e", "no handler g", "no handler h", "handler i", "handler j", "no handler k", "handler l", "handler m", "no handler n", "handler o", "no handler p", "handler q", "no handler r", "handler s",
			"no handler u", "no handler v", "handler w", "no handler x", "handler y",
		}},
		{"environment", "use std::env::{self, var as v};\nconst K: &str = \"B\";\nfn a() { env::var(\"A\"); std::env::var_os(K); v(\"C\"); env!(\"D\"); option_env!(\"E\"); dotenvy::var(\"F\"); env::set_var(\"G\", x); my.var(\"H\"); env::var(name); // env::var(\"I\")\n  println!(\"env::var(\\\"J\\\")\"); }\nstruct L { #[arg(long, env = \"M\")] n: u8, #[serde(env = \"O\")] p: u8 }\n", []string{
			"env A", "env B", "env C", "env D", "env E", "env F", "no env G", "no env H", "no env I", "no env J", "env M", "no env O",
		}},
		{"headers", "use axum::http::header::{self, SERVER};\nconst N: &str = \"X-B\";\nfn a() {\n  Response::builder().status(200).header(\"X-A\", \"1\").body(b);\n  HttpResponse::Ok().insert_header((N, v)).append_header((header::ETAG, \"e\"));\n  response.headers_mut().insert(SERVER, HeaderValue::from_static(\"s\"));\n  request.headers_mut().insert(\"X-C\", w); client.get(u).header(\"X-D\", \"4\"); map.insert(\"X-E\", \"5\"); headers.get(\"X-F\"); // headers.insert(\"X-G\", x)\n  headers.insert(\"X-H\", \"8\".parse().unwrap()); Request::builder().header(\"X-I\", \"9\");\n  r.set_header(Header::new(\"X-J\", \"10\")); DefaultHeaders::new().add((\"X-K\", \"11\"));\n}\n", []string{
			"header X-A 1", "header X-B", "header Etag e", "header Server s", "no header X-C", "no header X-D", "no header X-E", "no header X-F", "no header X-G", "header X-H", "no header X-I", "header X-J 10", "header X-K 11",
		}},
		{"middleware", "use tower_http::trace::TraceLayer as Trace;\nfn a() {\n  Router::new().layer(from_fn(auth)).layer(Trace::new_for_http()).route_layer(middleware::from_fn_with_state(s, crate::mw::limit));\n  let unused = ServiceBuilder::new().layer(Lost::new());\n  let stack = ServiceBuilder::new().layer(Kept::new()); app.layer(stack);\n  App::new().wrap(Cors::default()).wrap_fn(|r, s| s.call(r));\n  rocket::build().attach(Shield::default()); // app.layer(Commented)\n  let x = NotAdded::new();\n}\n", []string{
			"middle auth", "middle TraceLayer", "middle crate.mw.limit", "no middle Lost", "middle Kept", "middle Cors", "middle Shield", "no middle Commented", "no middle NotAdded", "no middle ServiceBuilder",
		}},
		{"tests", "#[test] fn a() { b() }\n#[tokio::test]\nasync fn c() { d() }\n#[test]\n#[ignore]\nfn e() { f() }\nmod tests { #[rstest(x, case(1))] fn g(x: u8) { h() } fn helper() {} #[bench] fn i() {} }\n// #[test] fn j() {}\n#[cfg(test)] fn k() { l() }\n", []string{
			"test a", "test c", "no test e", "test tests::g", "no test tests::helper", "no test tests::i", "no test j", "no test k",
		}},
		{"CRLF, tabs, a byte order mark and a first line for the shell", "\ufeff#!/usr/bin/env run\r\nfn\ta(\r\n\tb: u8)\r\n{\r\n\tc(\"d\r\ne()\")\r\n}\r\n", []string{"decl function a 2 body 4-7", "params a b", "call a c", "no call a e"}},
		{"inner attributes on the first line are no line for the shell", "#![allow(x)]\nfn a() { b() }\n", []string{"decl function a 2"}},
	})
}

func TestRustValidates(t *testing.T) {
	claims(t, "a.rs", []claim{
		{"conditions, comparisons and calls that validate", "fn f(a: u8, b: &str, c: u8, d: u8, e: &str, g: u8, h: T, i: T, j: u8, k: Vec<u8>) {\n  if a > 3 { return; }\n  while b.is_empty() {}\n  match c { _ => {} }\n  assert!(d);\n  validate_email(e);\n  let x = g == 2;\n  h.validate()?;\n  let Some(y) = i.get() else { return };\n  log(j);\n  save(&k);\n}\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "validates f h", "validates f i", "no validates f j", "no validates f k",
		}},
		{"types, shifts, fields and closures do not", "fn f(a: u8, b: u8, c: u8, d: u8, e: u8) {\n  let x: Vec<u8> = g(a);\n  let y = b >> 2 | b << 1;\n  let z = S { c: 1 };\n  let w = v.iter().filter(|d| d > 3);\n  h::<Vec<Option<u8>>>(e);\n}\n", []string{
			"no validates f a", "no validates f b", "no validates f c", "no validates f d", "no validates f e",
		}},
		{"extracted and validated", "async fn f(Valid(Json(a)): Valid<Json<T>>, Json(b): Json<T>) { save(a, b) }\n", []string{"validates f a", "no validates f b"}},
	})
}

func TestRustIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"fn a() {\n": 1, "fn a() { ) }\n": 1, "\n}\n": 2, "const S: &str = \"a\n": 1, "/* /* */\n": 1, "const S: &str = r#\"a\";\n": 1,
	} {
		_, err := Parse("a.rs", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}
