package source

import (
	"errors"
	"testing"
)

func TestPHP(t *testing.T) {
	claims(t, "a.php", []claim{
		{"comments, texts and what is outside of the code declare and call nothing", "function a() { b(); }\n<?php\n// function c() {} ?> function d() { e(); } <?php\n# function f() {}\n/* function g() { ?> } */\n/** function h() {} */\n$s = 'function i() { j(); }'; $t = \"function k() { l(); }\"; $u = <<<X\nfunction m() { n(); }\nX; $v = <<<'Y'\n  function o() { {$p->q()} }\n  Y . r();\n?>\nfunction s() { t(); } <?= u() ?> v() <? w() ?>\n", []string{
			"no decl a", "no decl c", "no decl d", "no decl f", "no decl g", "no decl h", "no decl i", "no decl k", "no decl m", "no decl o", "no decl s", "string function i() { j(); }", "string function m() { n(); }",
			"string function o() { {$p->q()} }",
		}},
		{"signatures over lines, references, types, defaults, one-liners", "<?php\nabstract class A {\n  final public static function\n    &b(\n      ?int $c = null, // , $x\n      B|C|null &$d,\n      #[E('$f')] array $g = ['h' => [1, 2]],\n      \\I\\J ...$k\n    )\n    : ?\\L\\M\n  {\n    n();\n  }\n  abstract protected function o(self $p): static;\n  function list() { return q(); } function class() { } public function print($r) { s(); }\n  public function __construct(private readonly int $t, protected ?U $u = new V(1)) {}\n}\nFunction x() { } function y(): never { exit; }\nfunction z() { }\n", []string{
			"decl function A.b 4 body 11-13", "params b c,d,g,k", "call b n", "decl function A.o 14", "params o p", "decl function A.list 15", "call list q", "decl function A.class 15", "call print s",
			"params A.__construct t,u", "decl function y 18", "decl function z 19",
		}},
		{"what looks like a function and is none", "<?php\nuse function a\\b;\n$c = function ($d) { e(); }; $f = fn($g) => h($g); $i = static function &() { };\n$j->function(1); K::function(2); $l = new class { public $m; function n() { o(); } };\nfunction_exists('p'); $q['function']; class R { const function = 1; public int $s { get => t(); set(int $v) { u(); } } }\n", []string{
			"no decl b", "no decl c", "no decl e", "no decl f", "no decl h", "no decl j", "decl function n 4", "call n o", "no decl p", "no decl s", "no decl get", "no decl set", "decl class R 5",
		}},
		{"classes, interfaces, traits, enums and their like", "<?php\nnamespace A\\B { abstract class C extends \\D\\E implements F, G\\H { use I, J { k as l; } } }\nnamespace M;\ninterface N extends O, P { function q(); }\ntrait R { abstract function s(); }\nenum T: string implements U { case V = 'v'; const W = self::V; function x() { return y(); } }\nreadonly final class Z {}\n$a = aa::class; $b = new class(1) extends bb implements cc { function dd() { return new class { function ee() { } }; } };\nfunction enum() { } enum(); trait_exists('ff'); class_alias('gg', 'hh'); $x->class; echo interface_::class;\n", []string{
			"decl class C 2", "decl interface N 4", "decl function N.q 4", "decl interface R 5", "decl function R.s 5", "decl class T 6", "no decl V", "decl function T.x 6", "decl class Z 7", "no decl bb",
			"decl function dd 8", "decl function dd.ee 8", "decl function enum 9", "no decl ff", "no decl gg", "no decl I", "no import I",
		}},
		{"functions within functions and conditions", "<?php\nif (!function_exists('a')) {\n  function a() { function b() { c(); } d(); }\n}\nelse { function e() { } }\n", []string{"decl function a 3", "decl function a.b 3", "call a.b c", "call a d", "decl function e 5"}},
		{"attributes", "<?php\n#[A, B\\C(1, '#[D]', e: [F::G])] // h\n#[I]\nfinal class J {\n  #[K(\n    'l'\n  )]\n  public static function m(#[N(1)] #[O] int $p) { q(); }\n  #[R] public int $s; function t() { }\n  #[U] const V = 1;\n  function w(#[X] $y) { $z = #[AA] fn() => bb(); }\n}\n# [CC]\nfunction dd() { }\n", []string{
			"decorator J A", "decorator J B.C", "decorator J I", "no decorator J D", "decorator J.m K", "no decorator J.m N", "params J.m p", "no decorator J.t R", "no decorator J.w U", "no decorator J.w X",
			"no call J.m N", "call J.w bb", "no decorator dd CC", "decorator J.m K",
		}},
		{"a byte order mark, carriage returns and tabs", "\ufeff<?php\r\nclass A\r\n{\r\n\tfunction b(\r\n\t\t$c\r\n\t)\r\n\t{\r\n\t\td(); // e()\r\n\t\t$f = <<<X\r\n\t\t\tg()\r\n\t\t\tX;\r\n\t}\r\n}\r\n", []string{"decl function A.b 4 body 7-12", "call b d", "no call b e", "no call b g", "string g()"}},
		{"filled texts", "<?php function a() {\n  $b = \"{$c->d(e('f'))} $g->h() ${i} ${j()} {k()} \\{$l} \\$m {$n['o']} $p[0] {$q[r()]}\" . `s {$t->u()}`;\n  return <<<X\n    {$v->w(\"x{$y->z()}\")} aa() $bb {$cc}\n    XX() {\n    X . dd() . <<<\"Y\"\n    Y;\n}\n", []string{
			"call a $c.d", "call a e", "no call a h", "call a j", "no call a k", "call a r", "call a $t.u", "call a $v.w", "call a $y.z", "no call a aa", "no call a XX", "call a dd", "string f", "string o",
		}},
		{"calls", "<?php function a() {\n  b(1); $c->d(); $e?->f(); G::h(); \\I\\J::k(); \\l(); M\\n(); $o(); $p->q->r(); $s['t']->u(); v()->w(); (x)(); new Y; new Z(1); new \\AA\\BB(cc()); self::dd(); parent::__construct(); static::ee(); $this->ff();\n  if (gg) { } array(1); list($hh) = ii(); isset($jj); exit(1); return (kk); echo (ll); $mm = strlen(...); $nn = [$this, 'oo']; pp::QQ; $rr->ss; match (tt()) { uu => vv() }; ww(xx: yy()); $zz->list(); print(1);\n}\n", []string{
			"call a b", "call a $c.d", "call a $e.f", "call a G.h", "call a I.J.k", "call a l", "call a M.n", "call a $o", "call a $p.q.r", "call a ?.u", "call a v", "call a ?.w", "call a Y", "call a Z", "call a AA.BB",
			"call a cc", "call a self.dd", "call a parent.__construct", "call a static.ee", "call a $this.ff", "no call a if", "no call a array", "no call a list", "call a ii", "call a isset", "call a exit",
			"no call a return", "no call a echo", "no call a strlen", "no call a oo", "no call a pp", "no call a match", "call a tt", "call a vv", "call a yy", "call a $zz.list",
		}},
		{"imports", "<?php\nuse A\\B, \\C\\D as E;\nuse F\\{G, H\\I as J, function k};\nuse function L\\m, L\\n;\nuse const O\\P;\n// use Q;\nrequire 'r.php'; include_once(\"s.php\"); require __DIR__ . '/t.php';\n$f = function () use ($u) { }; class V { use W; }\n'use X;';\nuse Y;", []string{
			"import A\\B", "import C\\D", "import F\\G", "import F\\H\\I", "import F\\k", "import L\\m", "import L\\n", "import O\\P", "no import Q", "import r.php", "import s.php", "no import /t.php", "no import W",
			"no import X", "import Y", "no import $u",
		}},
		{"errors handled", "<?php\nfunction a() { try { f(); } catch (E $e) { log($e); } }\nfunction b() { try { f(); } catch (E $e) { } }\nfunction c() { try { f(); } catch (E|G $e) { throw $e; } }\nfunction d() { try { f(); } catch (\\H) { return null; } }\nfunction e() { try { f(); } catch (E $e) { throw new X($e); } }\nfunction g() { try { f(); } finally { h(); } }\nfunction i() { try { f(); } catch (E $e) { return; } }\nfunction j() { try { f(); } catch (E $e) { // log($e)\n } }\nfunction k() { $l->catch(function () { m(); }); }\n", []string{
			"handler a 2", "no handler b", "no handler c", "handler d 5", "handler e 6", "no handler g", "no handler i", "no handler j", "no handler k",
		}},
	})
}

func TestPHPValidates(t *testing.T) {
	claims(t, "a.php", []claim{
		{"conditions and comparisons", "<?php function f($a, $b, $c, $d, $e, $g, $h, $i, $j, $k, $l, $m, $n, ?int $o) {\n  if ($a > 1) { } elseif (empty($b)) { } while ($c) { } for ($q = 0; $q < $d; $q++) { } switch ($e) { } $r = match ($g) { default => 1 };\n  $s = $h ? 1 : 2; $t = $i ?: 3; $u = $j ?? throw new X(); $v = $k instanceof Y; $w = strlen($l) < 5; log($m); $x = $n . 'a'; $y = function (?Z $z) { }; return $o;\n}\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "validates f h", "validates f i", "validates f j", "validates f k", "validates f l", "no validates f m", "no validates f n", "no validates f o",
		}},
		{"calls that validate", "<?php function f($a, $b, $c, $d, $e, $g) {\n  Assert::notEmpty($x); $this->validator->validate($a); preg_match('/^x$/', $b); filter_var($c, FILTER_VALIDATE_INT); ctype_digit($d); save($e); $s = \"checked {$g}\";\n}\n", []string{
			"validates f a", "validates f b", "no validates f e", "no validates f g",
		}},
		{"what is called alike", "<?php function f($name, $value, $x, $y) {\n  if ($this->name) { } if (self::$value) { } if (name) { } if ($names) { } if ('$x') { }\n  $g = fn($y) => $y > 1; $h = function ($y) { if ($y) { } };\n  function i($name) { check($name); }\n}\n", []string{
			"no validates f name", "no validates f value", "no validates f x", "no validates f y", "validates i name",
		}},
		{"attributes by which Symfony validates, and those that somebody must look at", "<?php class A { function f(#[MapRequestPayload] B $a, #[MapQueryString(validationGroups: ['x'])] C $b, #[Assert\\NotBlank] string $c) { return g($a, $b, $c); } }\n", []string{
			"validates f a", "validates f b", "no validates f c",
		}},
	})
}

func TestPHPWeb(t *testing.T) {
	claims(t, "a.php", []claim{
		{"headers set", "<?php const N = 'X-N'; class A { const M = 'X-M'; function f($request, $response) {\n  header('X-A: 1'); header(\"X-B: $v\"); header('X-C: ' . $v, true); header('HTTP/1.1 404 Not Found'); header($x); // header('X-D: 1')\n  $response->headers->set('X-E', '2'); $response->headers->add(['X-F' => '3', 'X-G' => $g]); $response->header(self::M, '4'); return response($b, 200, ['X-H' => '5'])->header('X-I', '6')->withHeaders(['X-J' => '7']);\n  $request->headers->set('X-K', '1'); $request->header('X-L', '1'); $response->headers->get('X-O'); $response->header('X-P'); Http::withHeaders(['X-Q' => '1']); $response->headers->remove('X-R'); $client->withHeader('X-S', '1');\n  $psr = $handler->handle($request)->withHeader('X-T', '8'); $request = $request->withHeader('X-U', '1'); new Response(200, ['X-V' => '9']); new JsonResponse(['X-W' => 1]); new JsonResponse($d, 200, headers: ['X-X' => '10']); $next($request)->header('X-Y', '11');\n  $event->getResponse()->headers->set('X-Z', '12'); $event->getRequest()->headers->set('X-1', '1'); $cache->set('X-2', '1'); $response->header(N, '13');\n} }\n", []string{
			"header X-A 1", "header X-B", "header X-C", "no header HTTP/1.1 404 Not Found", "no header X-D", "header X-E 2", "header X-F 3", "header X-G", "header X-M 4", "header X-H 5", "header X-I 6", "header X-J 7",
			"no header X-K", "no header X-L", "no header X-O", "no header X-P", "no header X-Q", "no header X-R", "no header X-S", "header X-T 8", "no header X-U", "header X-V 9", "no header X-W", "header X-X 10",
			"header X-Y 11", "header X-Z 12", "no header X-1", "no header X-2", "header X-N 13",
		}},
		{"environment read", "<?php const K = 'B';\ngetenv('A'); getenv(K); env('C', 1); $_ENV['D']; $_SERVER['E']; $_SERVER['REQUEST_URI']; $_SERVER['HTTP_HOST']; \\getenv(\"F\"); Env::get('G');\n// getenv('H')\nputenv('I=1'); $_ENV['J'] = '1'; unset($_ENV['L']); config('M'); $x->getenv('O'); getenv($name); $y['P']; 'getenv(\"Q\")';\nif (isset($_ENV['R'])) { }\n", []string{
			"env A", "env B", "env C", "env D", "env E", "env F", "env G", "no env H", "no env I", "no env J", "no env L", "no env M", "no env O", "no env P", "no env Q", "env R", "no env REQUEST_URI", "no env HTTP_HOST",
		}},
		{"middleware registered", "<?php use A\\Unused;\nclass Kernel extends HttpKernel { protected $middleware = [B::class, /* C::class, */ D::class]; protected array $middlewareGroups = ['web' => ['e:1', \\F\\G::class]]; protected $routeMiddleware = ['h' => I::class]; function j() { $middleware = [K::class]; } }\nRoute::middleware('l')->get('/'); $this->middleware(['m', N::class]); // Route::middleware('o')\nRoute::group(['middleware' => ['p'], 'prefix' => 'q'], f()); $route->withoutMiddleware('r');\n$app->add(S::class); $app->add(new T()); $app->add('u', 'v'); $list->add(W::class); $app->get('/', x())->add(new Y(1)); $app->pipe(Z::class); $pipeline->pipe('/a', AA::class); $app->addErrorMiddleware(true, false); $dispatcher->addSubscriber(new BB());\n$middleware->append(CC::class); $middleware->web(append: [DD::class], remove: [EE::class]); $middleware->alias(['ff' => FF::class]); $text->append('gg'); $middleware->group('hh', [II::class]);\n#[AsEventListener(event: KernelEvents::REQUEST)] class JJ { } #[AsEventListener(KK::class)] class LL { }\n", []string{
			"middle B", "no middle C", "middle D", "middle e", "middle F.G", "no middle I", "no middle K", "middle l", "middle m", "middle N", "no middle o", "middle p", "no middle q", "no middle r", "middle S", "middle T",
			"no middle W", "middle Y", "middle Z", "middle AA", "middle ErrorMiddleware", "middle BB", "middle CC", "middle DD", "no middle EE", "no middle FF", "no middle gg", "middle JJ", "no middle LL", "no middle A.Unused",
		}},
		{"subscribers of the kernel", "<?php\nclass A implements EventSubscriberInterface { static function getSubscribedEvents() { return [KernelEvents::REQUEST => ['b', 10], C::class => 'd', KernelEvents::RESPONSE => [['e', 1], ['f']]]; } }\nclass G { static function getSubscribedEvents() { return [KernelEvents::REQUEST => 'h']; } }\n", []string{
			"middle A.b", "no middle A.d", "middle A.e", "middle A.f", "no middle G.h",
		}},
		{"tests of PHPUnit and Pest", "<?php\nclass A extends TestCase {\n  public function testB() { x(); }\n  #[Test] public function c() { x(); }\n  /** @test */\n  function d() { x(); }\n  /** @testdox e */\n  function e() { x(); }\n  function testF() { }\n  private function testG() { x(); }\n  function helper() { test('h', function () { }); }\n  // function testI() { x(); }\n}\nabstract class J extends TestCase { function testK() { x(); } }\nclass L { function testM() { x(); } }\nclass N extends WebTestCase { function testO() { x(); } }\nit('p', function () { x(); }); test('q', fn() => x()); it('r'); it('s', fn() => x())->skip(); it('t', fn() => x())->skip(PHP_OS == 'x', 'y'); describe('u', function () { it('v', fn() => x()); describe('w', fn() => test('z', fn() => x())); }); $y->it('aa', fn() => x()); it($bb, fn() => x());\n", []string{
			"test A.testB", "test A.c", "test A.d", "no test A.e", "no test A.testF", "no test A.testG", "no test h", "no test A.testI", "no test J.testK", "no test L.testM", "test N.testO", "test it p", "test q",
			"no test it r", "no test it s", "test it t", "test u › it v", "test u › w › z", "no test it aa", "no test it bb",
		}},
	})
}

func TestPHPIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"<?php\nfunction a() {":      2,
		"<?php a(]":                  1,
		"<?php\n}":                   2,
		"<?php 'a\n":                 1,
		"<?php\n\n\"a {$b":           3,
		"<?php \"a {$b\"":            1,
		"<?php /* a":                 1,
		"<?php $a = <<<X\nb\n":       1,
		"<?php $a = <<<'X\nb\nX;":    1,
		"<?php <<<X y\nX;":           1,
		"<?php <<<X\n{$a\nX;\n}\nX;": 1,
	} {
		_, err := Parse("a.php", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}
