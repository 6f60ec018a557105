package source

import (
	"errors"
	"testing"
)

func TestPython(t *testing.T) {
	claims(t, "a.py", []claim{
		{"a comment, a docstring, a string and a mention are no declaration and no call", "# def a(): pass\n'''\ndef b(): pass\n'''\ns = \"\"\"\ndef c(): pass\n\"\"\"\nx = d\ndef e():\n    \"f()\"\n    # g()\n    return 'h()'\n", []string{
			"no decl a", "no decl b", "no decl c", "no decl d", "decl function e 9 body 10-12", "no call e f", "no call e g", "no call e h", "string h()", "no string f()",
		}},
		{"signatures over lines, type parameters, markers, one-liners", "async def f[T: (int, str), *U](\n    a: T,  # first, b\n    /,\n    *args: str,\n    c=lambda x, y: x,\n    **kw,\n) -> dict[\n    str, int\n]:\n    return g(a)\ndef h(): return i()\ndef j(*, k): ...\nif x: l(); m()\n", []string{
			"decl function f 1 body 10-10", "params f a,args,c,kw", "call f g", "decl function h 11 body 11-11", "call h i", "params j k", "no call j l",
		}},
		{"classes and what is in them", "class A(B, metaclass=M):\n    x = 1\n    class C:\n        def m(self): n()\n    def o(self):\n        def p(): q()\n        return p\nclass I(Protocol[T]):\n    def r(self) -> int: ...\nclass J(typing.Protocol): pass\nclass K[T]: pass\n", []string{
			"decl class A 1 body 2-7", "decl class A.C 3", "decl function A.C.m 4", "call A.C.m n", "decl function A.o.p 6", "call A.o.p q", "decl interface I 8", "decl function I.r 9",
			"decl interface J 10", "decl class K 11", "call A::o q", "no decl A.p.x",
		}},
		{"names that hold a lambda", "f = lambda a, b=1: g(a)\nself.h = lambda: i()\nj: Callable = lambda x: k(x)\nl = [lambda: m()]\n", []string{
			"decl function f 1", "params f a,b", "call f g", "decl function self.h 2", "call h i", "decl function j 3", "no decl l",
		}},
		{"decorators", "@a\n@b.c(\n    'x',  # )\n    d=[e(1)],\n)\n\n# between\n@f(lambda: 1)\nasync def g(): pass\n@h\nclass I:\n    @property\n    def j(self): pass\n    @j.setter\n    def j(self, v): pass\ndef k(): pass\n", []string{
			"decorator g a", "decorator g b.c", "decorator g f", "no decorator g e", "no decorator g d", "decorator I h", "decorator I.j property", "decorator I.j j.setter", "no decorator k h", "no decorator k a",
		}},
		{"CRLF, tabs, a byte order mark and joined lines", "\ufeffdef f(a,\r\n\tb):\r\n\tif a and \\\r\n\t\tb:\r\n\t\tg()\t# h()\r\n\r\n\treturn '''i()\r\n'''\r\ndef j(): k()\r\n", []string{
			"decl function f 1 body 3-8", "params f a,b", "call f g", "no call f h", "no call f i", "no call f k", "call j k",
		}},
		{"comments and blank lines do not end a block", "def f():\n    a()\n# outside\n\n  # odd\n    b()\nc()\n", []string{"call f a", "call f b", "no call f c", "decl function f 1 body 2-6"}},
		{"strings of all prefixes", "a = r'\\'b'\nc = Rb\"\\n\"\nd = 'e' \"f\"\ng = f\"{h(x)!r:>{w('y')}} {{i()}} {j['k']}\"\nl = f'{m(f'{n(\"o\")}')}'\np = '\\x41\\u0042\\N{DASH}\\''\nq = f'''{\n  r()\n}'''\n", []string{
			"string \\'b", "string e", "string f", "string y", "string k", "string o", "string AB\\N{DASH}'", "string {h(x)!r:>{w('y')}} {{i()}} {j['k']}",
		}},
		{"calls in templates are calls", "def f(x):\n    return f'{g(x)} h() {{i()}} {j:{k()}}' rf\"\\{l()}\"\n", []string{"call f g", "no call f h", "no call f i", "call f k", "call f l"}},
		{"names of calls", "def f():\n    a . b(1)\n    c(2).d(3)\n    e[0].g(4)\n    'x'.join(h)\n    (i or j)(5)\n    super().k(6)\n    if (l): return (m)\n    print(n)\n    await o.p(7)\n    q[r](8)\n    not(s)\n    x.match(9)\n", []string{
			"call f a.b", "call f c", "call f ?.d", "call f ?.g", "call f ?.join", "no call f j", "call f ?.k", "no call f l", "no call f if", "no call f return", "call f print", "call f o.p",
			"no call f q", "no call f not", "call f x.match",
		}},
		{"soft keywords", "match = re.match(x)\nmatch(y)\nmatch x:\n    case [a, b] if c(a):\n        d()\n    case {'k': v}: e()\n    case _:\n        pass\ncase = 1\ntype X[T] = list[T]\ntype = 2\ndef f(match, type): return match[0]\n", []string{
			"decl function f 12", "params f match,type", "decl type X 10", "no decl case",
		}},
		{"imports", "import a, b.c as d\nfrom e import (\n    f,  # g\n    h as i,\n)\nfrom . import j\nfrom ..k.l import *\ntry:\n    import m\nexcept ImportError:\n    m = None\n# import n\n'import o'\nyield_from = 1\n", []string{
			"import a", "import b.c", "import e f,h", "import . j", "import ..k.l *", "import m", "no import n", "no import o", "no import f",
		}},
		{"errors handled", "def a():\n    try: f()\n    except ValueError as e: log(e)\ndef b():\n    try: f()\n    except: pass\ndef c():\n    try:\n        f()\n    except (A, B):\n        ...\n        'nothing'\ndef d():\n    with suppress(Exception): f()\ndef g():\n    try: f()\n    except E as e: raise e\ndef h():\n    try: f()\n    except E as e: raise X from e\ndef i():\n    try: f()\n    except:\n        raise\ndef j():\n    try:\n        f()\n    except* E:\n        for x in y:\n            return None\ndef k():\n    try: f()\n    finally: g()\n", []string{
			"handler a", "no handler b", "no handler c", "no handler d", "no handler g", "handler h", "no handler i", "handler j", "no handler k",
		}},
		{"environment", "import os, os as o\nfrom os import environ, getenv as ge\nfrom decouple import config\nimport environ as e2\nKEY = 'A'\nos.environ[KEY]\nos.environ['B'] = '1'\nos.environ.get('C', x)\nos.getenv('D')\nenviron['E']\nge('F')\no.environ['G']\ndel os.environ['H']\nif 'I' in os.environ: pass\nconfig('J')\n# os.getenv('K')\nclass S(BaseSettings):\n    l: str = Field(env='L')\nother.get('M')\nx = {'N': 1}['N']\n", []string{
			"env A", "no env B", "env C", "env D", "env E", "env F", "env G", "no env H", "env I", "env J", "no env K", "env L", "no env M", "no env N",
		}},
		{"a name bound twice is no constant", "import os\nKEY = 'A'\nKEY = 'B'\nos.getenv(KEY)\n", []string{"no env A", "no env B"}},
		{"headers set and not read", "NAME = 'X-C'\ndef f(request):\n    response.headers['X-A'] = '1'\n    x = response.headers['X-B']\n    response.headers[NAME] = y\n    r = make_response(z, headers={'X-D': '4', **more})\n    if 'X-E' in response.headers: pass\n    request.headers.get('X-F')\n    self.set_header('X-G', '7')\n    # response.headers['X-H'] = '8'\n    response.headers.update({'X-I': '9'})\n    del response.headers['X-J']\n    self.send_header(\"X-K\", v)\n    cache['X-L'] = '1'\n    return Response(b, headers=base)\n", []string{
			"header X-A 1", "no header X-B", "header X-C", "header X-D 4", "no header X-E", "no header X-F", "header X-G 7", "no header X-H", "header X-I 9", "no header X-J", "header X-K", "no header X-L",
		}},
		{"a response of Django", "from django.http import HttpResponse\nresponse['X-A'] = '1'\nresponse['plain'] = 1\nresult['X-B'] = 2\n", []string{"header X-A 1", "no header plain", "no header X-B"}},
		{"middleware registered, not imported or commented out", "from x import Unused\nfrom starlette.middleware import Middleware\nMIDDLEWARE = [\n    'a.First',\n    # 'a.Second',\n]\nMIDDLEWARE += ['a.Third']\napp.add_middleware(Cors, origins=['*'])\n# app.add_middleware(No)\n@app.before_request\ndef check(): pass\n@app.middleware('http')\nasync def timed(request, nxt): pass\napp.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)\napi = FastAPI(dependencies=[Depends(verify_token), Depends(get_db())])\nstar = Starlette(middleware=[Middleware(Gzip), Session])\napp.after_request(stamp)\ncsrf = CSRFProtect()\ncsrf.init_app(app)\nTalisman(app)\nhelper(app)\nOTHER = ['a.Fourth']\n", []string{
			"middle a.First", "no middle a.Second", "middle a.Third", "middle Cors", "no middle No", "middle check", "middle timed", "middle ProxyFix", "middle verify_token", "middle get_db",
			"middle Gzip", "middle Session", "middle stamp", "middle CSRFProtect", "middle Talisman", "no middle helper", "no middle a.Fourth", "no middle Unused",
		}},
		{"tests", "def test_a(): pass\nasync def test_b(): pass\ndef testing(): pass\nclass TestC:\n    def test_d(self): pass\n    def helper(self): pass\nclass E(unittest.TestCase):\n    def testF(self): pass\n@mark\n@other(\n  1)\nclass G(TestCase):\n    def test_h(self): pass\nclass I:\n    def test_j(self): pass\ndef outer():\n    def test_k(): pass\n# def test_l(): pass\n", []string{
			"test test_a", "test test_b", "no test testing", "test TestC.test_d", "no test TestC.helper", "test E.testF", "test G.test_h", "no test I.test_j", "no test test_k", "no test outer.test_k", "no test test_l",
		}},
	})
}

func TestPythonValidates(t *testing.T) {
	claims(t, "a.py", []claim{
		{"conditions and comparisons", "def f(a, b, c, d, e, g, h, i, j, k):\n    if a: return\n    while not b: pass\n    assert c, 'c'\n    x = 1 if d else 2\n    y = [z for z in w if e]\n    ok = g in allowed\n    match h:\n        case 1 if i: pass\n    for q in j: pass\n    return k + 1 == 2\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "validates f h", "validates f i", "no validates f j", "validates f k",
		}},
		{"calls that validate", "def f(a, b, c, d, e, g, h):\n    validate_email(a)\n    b.isdigit()\n    Schema.parse_obj(c)\n    user_schema.load(d)\n    re.fullmatch(P, e)\n    v = is_valid(g.name)\n    check(data=h['x'])\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "validates f h",
		}},
		{"reading, logging, formatting and passing on do not", "def f(a, b, c, d, e, g):\n    log.info('validate(%s)', a)\n    x = f'{b} is checked'\n    save(c)  # validate(c)\n    checkout(d)\n    no_validation(e)\n    y = save(g) == 1\n    return a\n", []string{
			"no validates f a", "no validates f b", "no validates f c", "no validates f d", "no validates f e", "no validates f g",
		}},
		{"keywords, members and names of nested functions", "def f(name, value):\n    validate(name=1)\n    if x.name: pass\n    g = lambda name: name > 1\n    h(key=lambda name, b: validate(name))\n    def i(name): assert name\n    for value in z: pass\n", []string{
			"no validates f name", "validates f.i name", "no validates f value",
		}},
		{"declarations", "def f(a: EmailStr, b: Annotated[str, Query(max_length=5)], c: str = Query(..., pattern='x'), d: str = Query(None), e: str = 'EmailStr', g: conint(gt=1) = 3):\n    pass\n@validate_call\ndef h(a: int, b): pass\n@validate_params('a')\ndef i(a, b): pass\n@log('a')\ndef j(a): pass\n", []string{
			"validates f a", "validates f b", "validates f c", "no validates f d", "no validates f e", "validates f g", "validates h a", "no validates h b", "validates i a", "no validates i b", "no validates j a",
		}},
	})
}

func TestPythonIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"x = (1,\ny = 2\n":           1,
		"x = (1]\n":                  1,
		"\nx = 1)\n":                 2,
		"x = 'a\n":                   1,
		"x = 1\ny = '''a\n\n":        2,
		"f'{x'\n":                    1,
		"f'{x:'\n":                   1,
		"def f():\nx = 1\n":          2,
		"def f():\n":                 2,
		"  x = 1\n":                  1,
		"if x:\n    y\n  z\n":        3,
		"def f()\n    pass\n":        1,
		"x = ?\n":                    1,
		"x = 1 \\ 2\n":               1,
		"class A:\n    pass\n   x\n": 3,
	} {
		_, err := Parse("a.py", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}
