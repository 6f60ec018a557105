package source

import (
	"errors"
	"testing"
)

func TestRuby(t *testing.T) {
	claims(t, "a.rb", []claim{
		{"a comment, a string, a regular expression, a list, a mention are no declaration and no call", "# def a; end\n=begin\ndef b; end\n=end\ns = \"def c; d; end\"\nt = /def e; f(1); end/\nu = %w[def g end h(1)]\nv = :i\nw = 'def j; end'\nx = %q(def k (l) end)\ndef m\n  # n()\n  o = ?d\n  s = :p\nend\n__END__\ndef q; end\n", []string{
			"no decl a", "no decl b", "no decl c", "no decl e", "no decl g", "no decl j", "no decl k", "decl function m 11 body 13-14", "no call m n", "no call m p", "no decl q", "string def c; d; end", "string end", "no string i",
		}},
		{"here-documents, several on a line, with calls behind them", "def a\n  b(<<~X, <<-'Y', c).d\n    def e; f; end #{g(1)}\n  X\n    def h; end #{i(1)}\n    Y\n  j(<<\"K L\")\nend\nK L\n  k = <<L.strip if m\nend\nL\nend\ndef n = <<~O\n  p\nO\ndef q; end\n", []string{
			"decl function a 1 body 2-12", "no decl e", "no decl h", "call a b", "call a g", "no call a i", "no call a f", "call a ?.d", "call a ?.strip", "decl function n 14 body 14-16", "decl function q 17", "no call n p",
		}},
		{"what looks like a here-document", "class A\n  class << self\n    def b; c <<d; end\n  end\n  e = []\n  e <<f\n  g << H\n  def self.<<(x) = x\n  def i(x = 1<<3) = x << J\nend\n", []string{
			"decl function A.b 3", "decl function A.<< 8", "decl function A.i 9",
		}},
		{"blocks and modifiers", "def a\n  return if b\n  c unless d while e until f\n  x = if g then h end\n  y = case i when 1 then j else k end\n  while l do m end\n  until n; o do p end; end\n  for q in r do s end\n  begin; t; end while u\n  v rescue w\n  [1].each do |z| z if z end\n  loop { break unless aa }\n  if bb\n    cc if dd\n  elsif ee then ff\n  end if gg\n  hh(if ii then jj end)\n  {if: 1, end: 2, class: 3, do: kk}\nend\ndef ll; end\n", []string{
			"decl function a 1 body 2-18", "decl function ll 20", "call a b", "call a d", "call a h", "call a k", "call a m", "call a p", "call a s", "call a u", "call a w", "call a aa", "call a dd", "call a ff", "call a jj", "call a kk", "no call a z", "no call a q", "no call a if", "no call a end", "no call a then",
		}},
		{"methods without an end", "class A\n  def b = c(1)\n  def d(e, f = {}) = e == f\n  def g() =\n    h do |i|\n      i\n    end\n  def j(k) = k rescue l\n  def m=(n)\n    @m = n\n  end\n  def ==(o) = o\n  def p? = q && r\n  def self.s(...) = t(...)\n  private def u = 1 if v\nend\ndef w; end\n", []string{
			"decl function A.b 2 body 2-2", "decl function A.d 3", "params A.d e,f", "decl function A.g 4 body 5-7", "decl function A.j 8", "call A.j l", "decl function A.m= 9 body 10-10", "decl function A.== 12", "decl function A.p? 13", "decl function A.s 14", "decl function A.u 15", "no call A.u v", "decl function w 17", "no call A.d e",
		}},
		{"names of methods", "def a.b; end\ndef []=(k, v); end\ndef +@; end\ndef !; end\ndef `(c); end\ndef /(o); end\ndef %(o); end\ndef <=>(o); end\ndef class; end\ndef self.end; end\ndef nil?; end\ndef d!; end\ndef É; end\ndef e=(v) end\nalias f= end\nalias << +\nundef g, :h, class\ndef i; end\n", []string{
			"decl function a.b 1", "decl []=", "decl +@", "decl !", "decl function ` 5", "decl /", "decl %", "decl function <=> 8", "decl class", "decl end", "decl nil?", "decl d!", "decl É", "decl e=", "no decl g", "decl function i 18",
		}},
		{"parameters", "def a b, c = {x: [1, 2]}, *d, e:, f: 1, **g, &h\n  1\nend\ndef i((j, k), l = (m; 1), *, **nil, &)\n  1\nend\ndef n(\n  o, # p,\n  q: nil\n)\n  1\nend\ndef r\n  s\nend\n", []string{
			"params a b,c,d,e,f,g,h", "params i j,k,l", "params n o,q", "decl function n 7 body 11-11", "decl function r 13",
		}},
		{"classes and what is in them", "module A::B\n  class C < D::E; def f; end; end\n  class ::G; end\n  class << self; def h; end; end\n  I = Struct.new(:j) do\n    def k; end\n  end\n  L = Class.new(StandardError)\n  M = Data.define(:n)\n  O = Other.new(:p)\n  class << C; def q; end; end\n  def C.r; end\n  s = Class.new { def t; end }\nend\nclass self::U; end if v\nw = x.class\n", []string{
			"decl type A.B 1", "decl class A.B.C 2", "decl function A.B.C.f 2", "decl function A.B.h 4", "decl class A.B.I 5", "decl function A.B.I.k 6", "decl class A.B.L 8", "decl class A.B.M 9", "no decl O", "decl function A.B.C.q 11", "decl function A.B.C.r 12", "decl function A.B.t 13",
		}},
		{"calls", "def a(b, c)\n  d = 1\n  d\n  b\n  e\n  f g, h: i do |j|\n    j\n  end\n  k&.l\n  M::N.new(o).p\n  Q::r\n  S::T\n  U(1)\n  b.v = 1\n  b.w += 1\n  x.y\n   .z { aa }\n    # between\n   &.bb\n  super\n  yield cc\n  @dd.ee\n  raise Ff, \"gg\" unless hh?\n  ii[jj]\n  puts -1\n  kk -1\n  ll - mm\n  d -1\n  nn :oo\n  ::Pp.qq\n  if c in {rr:, ss: Integer => tt} then rr end\n  b => [uu, *]\n  uu\n  c.()\n  vv.class.ww\nend\n", []string{
			"no call a d", "no call a b", "call a e", "call a f", "call a g", "call a i", "no call a j", "call a k.l", "call a M.N.new", "call a ?.p", "call a Q.r", "no call a S.T", "no call a T", "call a U", "no call a b.v", "call a b.w", "call a x.y.z", "call a aa", "call a ?.bb", "call a super", "no call a yield", "call a cc",
			"call a @dd.ee", "call a raise", "call a hh?", "call a ii", "call a jj", "call a puts", "call a kk", "call a ll", "call a mm", "call a nn", "no call a oo", "call a Pp.qq", "no call a rr", "no call a tt", "no call a uu", "call a vv.class.ww", "no call a S",
		}},
		{"divisions, questions, percents", "def a(b, c)\n  d = b / c / e\n  f /g(1)/, h\n  i = b ?c : d\n  j = b.k? ? l : m\n  n = b % c\n  o %w(p q), r\n  s = [?a, ?\\n, ?é]\n  t \"%d\" % u\n  v = w.size / 2 # / x\n  y = b ? \"z\":\"aa\"\n  bb = b ?1:2\n  split(/[\"']/).each { |cc| cc =~ %r{a{1}/} }\nend\ndef dd; end\n", []string{
			"decl function a 1 body 2-13", "call a e", "call a f", "call a h", "no call a g", "call a l", "call a m", "call a o", "call a r", "no call a p", "call a t", "call a u", "call a w.size", "decl function dd 15", "string p", "string a",
		}},
		{"line ends, tabs, a byte order mark, joined lines", "\ufeff#!/usr/bin/env ruby\r\ndef a(b,\r\n\tc)\r\n\tif b &&\r\n\t\tc\r\n\t\td \\\r\n\t\t\te\r\n\tend\r\n\tf(<<~G)\r\n\t\tdef h\r\n\tG\r\nend\r\ndef i() j() end\r\n", []string{
			"decl function a 2 body 4-11", "params a b,c", "call a d", "call a e", "no decl h", "decl function i 13", "call i j",
		}},
		{"imports", "require 'a'\nrequire(\"b/c\")\nrequire_relative 'd'\nrequire_relative '../e'\nload 'f.rb'\nautoload :G, 'g'\n# require 'h'\n\"require 'i'\"\nrequire \"j#{k}\"\nx.require 'l'\nbegin; require 'm'; rescue LoadError; end\nparams.require(:n)\nrequire o\n", []string{
			"import a", "import b/c", "import ./d", "import ../e", "import f.rb", "import g G", "no import h", "no import i", "no import j#{k}", "no import l", "import m", "no import n", "no import o",
		}},
		{"errors handled", "def a\n  b\nrescue C => e\n  log e\nend\ndef d\n  b\nrescue\nend\ndef f\n  b\nrescue C\n  # log\n  nil\nend\ndef g\n  begin b; rescue C; raise; end\nend\ndef h\n  b rescue nil\nend\ndef i\n  b rescue 1\nend\ndef j\n  b\nrescue C => e\n  raise e\nend\ndef k\n  b\nrescue C => e then raise D, e.message\nend\ndef l\n  b\nensure\n  c\nend\ndef m\n  n { |x| x } \n  o do\n    b\n  rescue C, D => e\n    retry if (t += 1) < 3\n  end\nend\ndef p\n  b\nrescue C\n  return nil\nelse\n  q\nend\ndef r\n  'rescue => e; log e'\nend\n", []string{
			"handler a 3", "no handler d", "no handler f", "no handler g", "no handler h", "handler i 23", "no handler j", "handler k", "no handler l", "handler m", "no handler p", "no handler r",
		}},
		{"environment", "A = 'X_A'\nB = 'X_B'\nB = 'X_C'\nENV['A1']\nENV[\"A2\"] || 1\nENV.fetch('A3')\nENV.fetch 'A4', nil\nENV['A5'] = '1'\nENV['A6'] ||= '1'\nENV[A]\nENV[B]\nif ENV.key?('A7') then end\nENV.values_at('A8', 'A9')\n# ENV['B1']\n'ENV[\"B2\"]'\n\"#{ENV['B3']}\"\nenv['B4']\nENV.delete('B5')\nMY::ENV['B6']\n::ENV['B7'.freeze]\nENV[\"B8#{x}\"]\n{ENV => 1}['B9']\n", []string{
			"env A1", "env A2", "env A3", "env A4", "no env A5", "env A6", "env X_A", "no env X_B", "no env X_C", "env A7", "env A8", "env A9", "no env B1", "no env B2", "env B3", "no env B4", "no env B5", "no env B6", "env B7", "no env B9",
		}},
		{"headers set and not read", "N = 'X-B'\ndef a\n  response.headers['X-A'] = '1'\n  x = response.headers['X-C']\n  headers[N] = y\n  request.headers['X-D'] = '2'\n  response['X-E'] = 'v'\n  cache['X-F'] = 1\n  response.set_header('X-G', 'g')\n  request.set_header 'X-H', 'h'\n  headers 'X-I' => 'i', 'X-J' => j\n  response.headers.merge!('X-K' => 'k')\n  response.headers.delete('X-L')\n  # headers['X-M'] = 1\n  headers['X-N'] ||= 'n'\n  [200, {'X-O' => 'o', \"X-P\": 'p'}, []]\n  [1, {'X-Q' => 'q'}, []]\n  Rack::Response.new([], 200, {'X-R' => 'r'})\n  http.get(url, 'X-S' => 's')\nend\ndef b\n  headers = {'X-T' => 't'}\n  headers['X-U'] = 'u'\n  post(url, headers: headers)\nend\nconfig.action_dispatch.default_headers = {'X-V' => 'v'}\nconfig.force_ssl = true\n", []string{
			"header X-A 1", "header X-B", "no header X-C", "no header X-D", "header X-E v", "no header X-F", "header X-G g", "no header X-H", "header X-I i", "header X-J", "header X-K k", "no header X-L", "no header X-M", "header X-N n", "header X-O o", "header X-P p", "no header X-Q", "header X-R r",
			"no header X-S", "no header X-T", "no header X-U", "header X-V v", "header Strict-Transport-Security", "middle config.force_ssl",
		}},
		{"secure_headers and other policies", "SecureHeaders::Configuration.default do |config|\n  config.x_frame_options = 'DENY'\n  config.csp = { default_src: %w('self') }\n  # config.hsts = 'x'\nend\nother.x_xss_protection = '0'\nconfig.content_security_policy do |p|\n  p.default_src :self\nend\nconfig.force_ssl = false\n", []string{
			"header X-Frame-Options DENY", "header Content-Security-Policy", "no header Strict-Transport-Security", "no header X-XSS-Protection", "no middle config.force_ssl",
		}},
		{"middleware registered, not skipped, defined or commented out", "class A < B\n  before_action :c, D, only: :e\n  skip_before_action :f\n  # before_action :g\n  before_action -> { h }, if: :i\n  prepend_around_filter(:j)\n  protect_from_forgery\n  def k; end\n  'before_action :l'\nend\nuse M\nuse N::O, p: 1\nuse(Q)\nconfig.middleware.use R\nconfig.middleware.insert_after S, T\nconfig.middleware.delete U\nconn.use V\napp.middleware.swap W, 'X'\nuse :y\ninclude Z\n", []string{
			"middle c", "middle D", "no middle e", "no middle f", "no middle g", "no middle h", "no middle i", "middle j", "middle protect_from_forgery", "no middle k", "no middle l", "middle M", "middle N.O", "middle Q", "middle R", "no middle S", "middle T", "no middle U", "no middle V", "no middle W", "middle X", "no middle y", "no middle Z",
		}},
		{"Sinatra", "require 'sinatra'\nbefore do\n  authenticate!\nend\nerror NotFound do\n  404\nend\n", []string{"middle before"}},
		{"a block called before is none without Sinatra", "before do\n  a\nend\nRSpec.configure { |c| c.before { b } }\n", []string{"no middle before"}},
		{"tests of classes", "class A < Minitest::Test\n  def test_b; assert 1; end\n  def testing; assert 1; end\n  def test_c; skip; assert 1; end\n  def test_d(x) = 1\n  def test_e\n  end\n  # def test_f; end\nend\nclass G < Test::Unit::TestCase\n  def testH; assert 1; end\nend\nclass I; def test_j; 1; end; end\ndef test_k; 1; end\nmodule L; class M < ActionDispatch::IntegrationTest\n  test 'n  o' do get '/' end\n  test('p') { get '/' }\n  test \"q #{r}\" do get '/' end\nend; end\ntest 's' do 1 end\n", []string{
			"test A.test_b", "no test A.testing", "no test A.test_c", "no test A.test_d", "no test A.test_e", "no test A.test_f", "test G.testH", "no test I.test_j", "no test test_k", "test L.M.test_n_o", "test L.M.test_p", "no test L.M.test_q_#{r}", "no test test_s",
		}},
		{"tests of RSpec", "describe 'a' do\n  it('b') { c }\n  it 'd' do e end\n  it 'f'\n  it { g }\n  xit 'h' do i end\n  it 'j', :skip do k end\n  it('l', skip: true) { m }\n  it 'n' do\n    pending 'o'\n    p\n  end\n  it 'q', focus: true do skip if r; s end\n  specify(\"t #{u}\") { v }\n  describe '#w' do example('x') { y } end\n  it 'z', skip: false do aa end\n  list.each do |n| it 'bb' do cc end end\nend\nit 'dd' do ee end\nshared_examples 'ff' do it 'gg' do hh end end\n\"it 'ii' do end\"\n", []string{
			"test a › b", "test a › d", "no test a › f", "no test a › h", "no test a › j", "no test a › l", "no test a › n", "test a › q", "test a › t #{u}", "test a › #w › x", "test a › z", "test a › bb", "no test dd", "no test ff › gg",
		}},
		{"no code before its ERB", "class A\n  B = 'x'\n  def c = %(<%= d %>)\nend\n", []string{"decl function A.c 3", "no call A.c d"}},
	})
}

func TestRubyValidates(t *testing.T) {
	claims(t, "a.rb", []claim{
		{"conditions and comparisons", "def f(a, b, c, d, e, g, h, i, j)\n  return if a.nil?\n  raise X unless b\n  while c do end\n  x = d ? 1 : 2\n  y = e == 1\n  case g\n  when 1 then z\n  end\n  h.each { |q| q }\n  w = [1].select { |k| k > i.size }\n  j ||= 1\nend\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "no validates f h", "validates f i", "no validates f j",
		}},
		{"calls that validate", "def f(a, b, c, d, e:)\n  validate_email a\n  check!(b)\n  c.valid?\n  Schema.verify(data: d)\n  verify(e:)\nend\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e",
		}},
		{"symbols, keys, instance variables, members and blocks of the same name", "def f(a, b, c, d, e, g)\n  validate(:a)\n  validate(b: 1)\n  return if @c\n  return if x.d\n  y.each { |e| validate e }\n  z = \"#{g} is valid\"\n  puts g if true\nend\n", []string{
			"no validates f a", "no validates f b", "no validates f c", "no validates f d", "no validates f e", "no validates f g",
		}},
	})
}

func TestRubyIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"def a\n":                      1,
		"class A\n  def b\nend\n":      1,
		"\nend\n":                      2,
		"x = (1\nend\n":                2,
		"if a\n)\n":                    2,
		"x = \"a\n":                    1,
		"\nx = <<~A\nb\n":              2,
		"=begin\n":                     1,
		"x = %w[a\n":                   1,
		"\"#{a\"\n":                    1,
		"def (a).b; end\n":             1,
		"f(<<A, \"\nA\n\")\n":          1,
		"x = \"#{<<A}\nb\nA\n\"\n":     1,
		"a do |b| { end }\n":           1,
		"x \\ y\n":                     1,
		"f <<~A\n#{g(\n1)\nA\n2}\nA\n": 2,
	} {
		_, err := Parse("a.rb", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}
