package source

import (
	"errors"
	"testing"
)

func TestSQL(t *testing.T) {
	claims(t, "a.sql", []claim{
		{"comments, strings, names and mentions are no declaration and no call", "-- CREATE TABLE a (b int);\n/* CREATE TABLE c (d int); /* e() */ */\nINSERT INTO f VALUES ('CREATE FUNCTION g()', E'it\\'s CREATE TABLE h (i int)', $$CREATE TABLE j (k int)$$);\nSELECT 'l()', \"m()\", n FROM o;\nDROP TABLE IF EXISTS p;\nCOMMENT ON FUNCTION q(int) IS 'r';\nALTER FUNCTION s() OWNER TO t;\nSELECT $x$ CREATE TABLE u (v int) $$ $x$;\n", []string{
			"no decl a", "no decl c", "no decl g", "no decl h", "no decl j", "no decl p", "no decl u", "no decl f", "string l()", "string it's CREATE TABLE h (i int)",
		}},
		{"what CREATE makes", "create table a(b int);CREATE TEMP TABLE IF NOT EXISTS c.d AS SELECT 1;\nCREATE UNLOGGED TABLE \"e-f\" (g int);\nCREATE OR REPLACE VIEW h AS SELECT 1;\nCREATE MATERIALIZED VIEW i AS SELECT 1;\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS j ON a (b);\nCREATE INDEX ON a (b);\nCREATE POLICY k ON c.d FOR ALL USING (true);\nCREATE SEQUENCE l;\nCREATE DOMAIN m AS int CHECK (value > 0);\nCREATE TYPE n AS (o int);\nCREATE DATABASE p;\nCREATE EXTENSION q;\nCREATE USER r;\n", []string{
			"decl class a 1", "decl class c.d 1", "decl class e-f 2", "decl type h 3", "decl type i 4", "decl type j 5", "decl type c.d.k 7", "decl type l 8", "decl type m 9", "decl type n 10", "no decl p", "import q", "no decl q", "decl type r 13",
		}},
		{"bodies of PostgreSQL", "CREATE FUNCTION a.b(IN c int, d text DEFAULT e(), VARIADIC f int[], g double precision, OUT h int, integer) RETURNS int LANGUAGE sql AS $_$ SELECT i($1); SELECT j() $_$;\nCREATE FUNCTION k() RETURNS int AS 'SELECT l()' LANGUAGE sql;\nCREATE FUNCTION m() RETURNS int LANGUAGE plperl AS $$ n(); $$;\nCREATE FUNCTION o(int) RETURNS int AS 'x', 'y' LANGUAGE C;\nCREATE FUNCTION p() RETURNS int BEGIN ATOMIC SELECT q(); END;\nCREATE FUNCTION r() RETURNS int RETURN s();\nCREATE PROCEDURE t() LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT u()'; EXECUTE $q$SELECT v()$q$; CALL w.x(1); END $$;\nCREATE TRIGGER y AFTER INSERT ON a.z EXECUTE FUNCTION aa();\n", []string{
			"decl function a.b 1 body 1-1", "params a.b c,d,f,g,h", "call a.b i", "call a.b j", "decl function k 2 body 2-2", "no call k l", "decl function m 3", "no call m n", "decl function o 4", "call p q", "call r s", "no call t u", "no call t v", "call t w.x", "decl function a.z.y 8",
		}},
		{"bodies of SQL Server", "CREATE PROC a @b int, @c varchar(10) = 'd' OUTPUT WITH EXECUTE AS OWNER AS\nSET NOCOUNT ON\nEXEC e @b\nIF @c = 'BEGIN' RETURN\nSELECT f.g(@b), [h].[j](1) FROM [k] WHERE l IN (1)\nGO\nCREATE FUNCTION dbo.m(@n int) RETURNS int AS BEGIN RETURN CASE WHEN @n > 1 THEN 2 ELSE 3 END END\nGO\nCREATE VIEW o AS SELECT 1\n", []string{
			"decl function a 1 body 2-5", "params a b,c", "call a e", "call a f.g", "call a h.j", "no call a IN", "decl function dbo.m 7 body 7-7", "validates dbo.m n", "validates a c", "no validates a b", "decl type o 9",
		}},
		{"bodies of Oracle and MySQL", "CREATE OR REPLACE PROCEDURE a (b IN OUT NUMBER) IS\n  c NUMBER;\nBEGIN\n  d(b);\n  IF b > 1 THEN e(b); END IF;\nEND a;\n/\nCREATE FUNCTION f() RETURNS INT\nBEGIN\n  REPEAT SET @x = g(); UNTIL @x END REPEAT;\n  CASE h WHEN 1 THEN CALL i; ELSE BEGIN END; END CASE;\nEND;\nCREATE TABLE j (k int);\n", []string{
			"decl function a 1 body 2-6", "params a b", "call a d", "call a e", "validates a b", "decl function f 8 body 9-12", "call f g", "call f i", "decl class j 13",
		}},
		{"strings of MySQL", "CREATE TABLE `a` (b int) ENGINE=x;\n# CREATE TABLE c (d int);\nINSERT INTO e VALUES ('it\\'s; CREATE TABLE f (g int)', \"CREATE TABLE h (i int)\");\nCREATE TABLE j (k int); /* l /* m */ CREATE TABLE n (o int);\n", []string{
			"decl class a 1", "no decl c", "no decl f", "no decl h", "decl class j 4", "decl class n 4",
		}},
		{"commands and data of psql", "\\i a/b.sql\n\\set c 'CREATE TABLE d (e int);'\nCOPY f (g) FROM stdin;\nCREATE TABLE h (i int);\nit's\n\\.\nCREATE TABLE j (k int);\nSELECT 1 \\gexec\nCREATE TABLE l (m int);\n", []string{
			"import a/b.sql", "no decl d", "no decl h", "decl class j 7", "decl class l 9",
		}},
		{"a CREATE within a body or within DO is none", "DO $$ BEGIN CREATE TABLE a (b int); PERFORM c(); END $$;\nDO LANGUAGE plpgsql $$ BEGIN CREATE TABLE d (e int); END $$;\nCREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE g (h int); END $$;\nCREATE TABLE i (j int);\n", []string{
			"no decl a", "no decl d", "no decl g", "decl class i 4", "decl function f 3",
		}},
		{"errors handled", "CREATE FUNCTION a() RETURNS void AS $$ BEGIN b(); EXCEPTION WHEN c OR d THEN e(); WHEN others THEN RAISE; END $$ LANGUAGE plpgsql;\nCREATE FUNCTION f() RETURNS void AS $$ BEGIN b(); EXCEPTION WHEN others THEN NULL; END $$ LANGUAGE plpgsql;\nCREATE FUNCTION g() RETURNS void AS $$ BEGIN b(); EXCEPTION WHEN others THEN RAISE; END $$ LANGUAGE plpgsql;\nCREATE FUNCTION h() RETURNS void AS $$ BEGIN RAISE EXCEPTION 'x'; SELECT CASE WHEN a THEN b END; END $$ LANGUAGE plpgsql;\nCREATE FUNCTION i() RETURNS void AS $$ BEGIN BEGIN b(); EXCEPTION WHEN c THEN IF d THEN NULL; END IF; END; END $$ LANGUAGE plpgsql;\nCREATE PROCEDURE j AS BEGIN BEGIN TRY SELECT 1 END TRY BEGIN CATCH END CATCH END\nGO\nCREATE PROCEDURE k AS BEGIN BEGIN TRY SELECT 1 END TRY BEGIN CATCH THROW; END CATCH END\nGO\nCREATE PROCEDURE l AS BEGIN SELECT 1; IF @@ERROR <> 0 RETURN 1 END\nGO\nCREATE PROCEDURE m() BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND SET n = 1; SELECT 1; END;\nCREATE PROCEDURE o() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN END; SELECT 1; END;\nCREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION ROLLBACK; SELECT 1; END;\n", []string{
			"handler a 1", "no handler f", "no handler g", "no handler h", "handler i", "no handler j", "no handler k", "handler l", "no handler m", "no handler o", "handler p",
		}},
		{"validation", "CREATE FUNCTION a(b int, c int, d text, e int, f int) RETURNS void AS $$ BEGIN\n  IF b IS NULL THEN RAISE EXCEPTION 'c'; END IF;\n  ASSERT c > 0, 'no';\n  PERFORM validate_name(d);\n  UPDATE g SET e = e WHERE h = f;\n  DROP TABLE IF EXISTS f;\nEND $$ LANGUAGE plpgsql;\n", []string{
			"validates a b", "validates a c", "validates a d", "no validates a e", "no validates a f",
		}},
		{"line ends and a byte order mark", "\ufeffCREATE FUNCTION a(\r\n  b int\r\n) RETURNS int AS $$\r\n-- c()\r\nSELECT d()\r\n$$ LANGUAGE sql;\r\n", []string{"decl function a 1 body 5-5", "params a b", "call a d", "no call a c"}},
	})
}

func TestSQLIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"SELECT 'a\n":                         1,
		"\n/* a\n":                            2,
		"CREATE FUNCTION a() AS $$ b\n":       1,
		"SELECT (1\n":                         1,
		"SELECT 1)\n":                         1,
		"\nCREATE PROCEDURE a AS BEGIN b()\n": 2,
		"CREATE FUNCTION a() RETURNS int AS $$ SELECT 'b $$ LANGUAGE sql;": 1,
		"CREATE FUNCTION a() RETURNS int AS $$ SELECT (1 $$ LANGUAGE sql;": 1,
		"COPY a FROM stdin;\n1\n": 1,
		"SELECT \"a\n":            1,
	} {
		_, err := Parse("a.sql", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}
