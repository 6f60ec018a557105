package source

import "strconv"

// The languages of this file go through the tests that all languages do.
func init() {
	hardened = append(hardened, &javascript)

	comments := []func(string) string{lines("// "), around("/*", "*/"), around("/** @x\n", "*/")}
	strings := []func(string) string{
		around("s = `", "`"), around("s = `${a}", "${`b`}`"), func(text string) string { return "s = " + strconv.Quote(text) + "\n" },
	}
	script := []string{
		"async~function~NAME(^a,^{^b,^c:~[^d^]^}~=~{},^...e^)^{^callee(^1,^)^}\n",
		"const~NAME^=^async~(^a^)~=>^{~return~x.callee(^)^}\n",
		"let~a~=~1,^NAME~=~b~=>^callee(^b^)\n",
		"class~NAME~extends~B^{^m(^)^{^x^?.callee(^)^}^}\n",
		"const~o~=~{^get~NAME^(^)^{^return~callee(^)^},^}\n",
		"exports.NAME^=^function~*^(^)^{^yield~new~callee(^)^}\n",
	}
	typed := []string{
		"const~NAME:~Handler<A,^B[]>^=^<^T,^>(^a:~T,^b?:~Map<string,^Set<T>>^):~a~is~T~=>^callee<T>(^a^)\n",
		"abstract~class~A<T~extends~B^=^C>~implements~D<T>^{^@E(^'f'^)^private~static~async~NAME<U>(^@G(^)~readonly~a:~U^):~Promise<void>^{^this.callee(^)^}^}\n",
		"namespace~A.B^{^export~function~NAME(^this:~A^)^{^callee(^)!^}^}\n",
	}
	tagged := []string{
		"function~NAME(^)~{^return~<a.b~c={^callee(^)^}~d='e'>function~f~<g~/>{^/* h */^}</a.b>^}\n",
	}
	dialects = append(dialects,
		dialect{file: "a.mjs", declarations: script, comments: comments, strings: strings},
		dialect{file: "a.jsx", declarations: tagged, comments: comments[:1], strings: strings[:1]},
		dialect{file: "a.ts", declarations: append(typed, script...), comments: comments, strings: strings},
		dialect{file: "a.tsx", declarations: append(tagged, typed...), comments: comments[:1], strings: strings[:1]},
	)
}
