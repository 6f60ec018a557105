package verify_test

import (
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
)

// rubyTree is a tree with tests of Minitest and RSpec.
var rubyTree = map[string]string{
	"test/login_test.rb": "require 'test_helper'\nclass LoginTest < ActiveSupport::TestCase\n  test 'refuses an old token' do\n    refute login('old')\n  end\n" +
		"  def test_lets_in; assert login('new'); end\n  def test_waits\n    skip 'later'\n    assert login\n  end\nend\n",
	"spec/session_spec.rb": "require_relative 'helper'\nRSpec.describe Session do\n  describe '#open' do\n    it 'refuses an old token' do\n      expect(open('old')).to be_nil\n    end\n    xit 'waits' do\n    end\n  end\nend\n",
	"app/login.rb":         "require 'rack/attack'\nclass Login\n  def test_nothing; end\nend\n",
	"out/minitest.xml":     `<testsuites><testsuite name="LoginTest"><testcase classname="LoginTest" name="test_refuses_an_old_token"/><testcase classname="LoginTest" name="test_waits"><skipped/></testcase></testsuite></testsuites>`,
	"out/rspec.xml":        `<testsuite name="rspec"><testcase classname="spec.session_spec" name="Session#open refuses an old token" file="./spec/session_spec.rb"/></testsuite>`,
}

func TestRubyTests(t *testing.T) {
	dir := write(t, rubyTree)
	const unit, spec = "test/login_test.rb", "spec/session_spec.rb"
	for _, c := range []struct{ pattern, name, excerpt string }{
		{unit, "LoginTest.test_lets_in", "def test_lets_in"},
		{unit, "test_refuses_an_old_token", "refute login"},
		{"**/*_test.rb", "LoginTest", "refute login"},
		{"LoginTest.test_lets_in", "", "def test_lets_in"},
		{spec, "refuses an old token", "expect(open"},
		{"Session › #open › refuses an old token", "", "expect(open"},
	} {
		o := check(t, dir, tExists, "pattern", c.pattern, "name", c.name)
		wantPass(t, o)
		if !strings.Contains(o.Excerpt, c.excerpt) {
			t.Errorf("%s %s: the excerpt is %q", c.pattern, c.name, o.Excerpt)
		}
	}
	for _, c := range []struct{ pattern, name string }{{unit, "test_waits"}, {spec, "waits"}, {"test_nothing", ""}, {"app/**", "test_nothing"}} {
		wantFail(t, check(t, dir, tExists, "pattern", c.pattern, "name", c.name), "no test is selected")
	}
	wantPass(t, check(t, dir, tPasses, "pattern", unit, "name", "test_refuses_an_old_token", "report", "out/minitest.xml"))
	wantPass(t, check(t, dir, tPasses, "pattern", spec, "report", "out/rspec.xml"))
	wantFail(t, check(t, dir, tPasses, "pattern", unit, "name", "test_lets_in", "report", "out/minitest.xml"), "is not in the report")
}

// A library is required with a path in it; a file beside is no library.
func TestRubyImports(t *testing.T) {
	dir := write(t, rubyTree)
	for file, modules := range map[string][]string{"app/login.rb": {"rack/attack", "rack"}, "spec/session_spec.rb": {"./helper"}} {
		for _, module := range modules {
			wantPass(t, check(t, dir, evidence.ImportPresent, "file", file, "module", module))
		}
	}
	for file, module := range map[string]string{"app/login.rb": "rack/att", "spec/session_spec.rb": "helper"} {
		wantFail(t, check(t, dir, evidence.ImportPresent, "file", file, "module", module), "does not import")
	}
}
