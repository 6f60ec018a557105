package source

import "strings"

// environment finds the variables of the environment that are read: process.env.X and its like in other runtimes. Setting
// and deleting them is no reading.
func (j *jsFacts) environment() {
	for i := range int32(len(j.toks)) {
		if j.toks[i].kind != jsIdent || j.toks[i].end-j.toks[i].start != 3 || j.spelled(i) != "env" || !j.dotted(i-1) {
			continue
		}
		root := j.spelled(i - 2)
		switch {
		case root == "process" || root == "Bun":
		case root == "meta" && j.dotted(i-3) && j.at(i-4).kind == jsImport:
		case root == "Deno":
			if m := j.spelled(i + 2); j.dotted(i+1) && (m == "get" || m == "has") && j.at(i+3).kind == jsOpenParen && j.at(i+4).kind == jsString {
				j.variable(jsUnquote(j.spelled(i+4)), i)
			}
			continue
		default:
			continue
		}
		next := j.at(i + 1)
		switch {
		case j.dotted(i+1) && j.at(i+2).kind == jsOpenBracket && j.at(i+3).kind == jsString: // ?.["X"]
			j.read(jsUnquote(j.spelled(i+3)), i, i+5)
		case j.dotted(i+1) && j.at(i+2).kind.word():
			j.read(j.spelled(i+2), i, i+3)
		case next.kind == jsOpenBracket && (j.at(i+2).kind == jsString || j.at(i+2).kind == jsTemplate) && next.match == i+3:
			j.read(jsUnquote(j.spelled(i+2)), i, i+4)
		default:
			j.unpacked(i)
		}
	}
	j.schemas()
}

// dotted reports whether the token is . or ?. between names.
func (j *jsFacts) dotted(i int32) bool { k := j.at(i).kind; return k == jsDot || k == jsOptional }

// read notes a variable unless what follows sets it.
func (j *jsFacts) read(name string, at, after int32) {
	start := at - 2
	for j.dotted(start - 1) {
		start -= 2
	}
	if j.at(after).kind == jsAssign || j.at(start-1).kind == jsDelete {
		return
	}
	j.variable(name, at)
}

func (j *jsFacts) variable(name string, at int32) {
	if name != "" {
		j.f.Env = append(j.f.Env, Reference{Name: name, Line: j.f.LineOf(int(j.at(at).start))})
	}
}

// unpacked notes the variables of const { A, B: b } = process.env, and of "A" in process.env.
func (j *jsFacts) unpacked(i int32) {
	start := i - 2
	for j.dotted(start - 1) {
		start -= 2
	}
	if j.at(start-1).kind == jsIn && j.at(start-2).kind == jsString {
		j.variable(jsUnquote(j.spelled(start-2)), start-2)
		return
	}
	if j.at(start-1).kind == jsAssign && j.at(start-2).kind.name() && !j.dotted(start-3) {
		j.copies(j.spelled(start - 2))
		return
	}
	if j.at(start-1).kind != jsAssign || j.at(start-2).kind != jsCloseBrace {
		return
	}
	end := start - 2
	for k := j.at(end).match + 1; k < end; k++ {
		switch t := j.at(k); {
		case t.kind == jsEllipsis:
			return
		case t.kind.word():
			j.variable(j.spelled(k), k)
		case t.kind == jsString:
			j.variable(jsUnquote(j.spelled(k)), k)
		}
		for ; k < end && j.at(k).kind != jsComma; k++ { // the new name and the default
			if m := j.at(k).match; m > k {
				k = m
			}
		}
	}
}

// maxCopies bounds how many names for the environment are followed in a file: each costs a pass.
const maxCopies = 4

// copies notes the variables read through another name of the environment: const e = process.env; e.PORT. Only those in capitals
// count, since the name may mean something else elsewhere.
func (j *jsFacts) copies(name string) {
	if j.copied++; j.copied > maxCopies {
		return
	}
	for i := range int32(len(j.toks)) {
		if j.toks[i].kind.name() && j.dotted(i+1) && j.at(i+2).kind.word() && j.at(i+3).kind != jsAssign && !j.dotted(i-1) && j.spelled(i) == name {
			if variable := j.spelled(i + 2); jsVariable(variable) {
				j.variable(variable, i)
			}
		}
	}
}

// jsVariable reports whether a name is written as variables of the environment are.
func jsVariable(name string) bool {
	return name != "" && name[0] >= 'A' && name[0] <= 'Z' && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// schemas notes the variables that a schema takes out of the environment: cleanEnv(process.env, { A: str() }) of envalid,
// z.object({ A: z.string() }).parse(process.env), createEnv({ server: { A: … }, runtimeEnv: process.env }), and those that
// NestJS's ConfigService and env-var are asked for.
func (j *jsFacts) schemas() {
	for i := range j.calls {
		c := &j.calls[i]
		args := j.items[c.args.from:c.args.to]
		if len(args) == 0 || c.open < 0 {
			continue
		}
		method := c.name[strings.LastIndexByte(c.name, '.')+1:]
		switch method {
		case "cleanEnv", "customCleanEnv":
			if len(args) > 1 && j.isEnv(args[0].tokens) {
				j.keys(args[1].tokens.from)
			}
		case "parse", "safeParse", "parseAsync", "validate", "validateSync", "cast", "attempt":
			if j.isEnv(args[0].tokens) {
				j.schemaOf(c)
			}
		case "createEnv":
			p, ok := j.property(args[0].tokens.from, "runtimeEnv")
			if ok && j.isEnv(p.value) {
				for _, part := range []string{"server", "client", "shared"} {
					if group, ok := j.property(args[0].tokens.from, part); ok {
						j.keys(group.value.from)
					}
				}
			}
		case "get", "getOrThrow":
			receiver := strings.TrimSuffix(strings.TrimSuffix(c.name, method), ".")
			if name, ok := j.literal(args[0].tokens); ok && args[0].value.shape == jsStringValue && jsVariable(name) &&
				(j.configures(receiver) || j.importedAs(receiver) == "env-var") {
				j.variable(name, args[0].tokens.from)
			}
		}
	}
}

// isEnv reports whether a range of tokens is process.env or one like it, and no more.
func (j *jsFacts) isEnv(r jsRange) bool {
	i := r.to - 3
	if i < r.from || j.spelled(r.to-1) != "env" || !j.dotted(r.to-2) {
		return false
	}
	root := j.spelled(i)
	return i == r.from && (root == "process" || root == "Bun") || root == "meta" && i == r.from+2 && j.at(r.from).kind == jsImport
}

// keys notes the keys of an object as variables.
func (j *jsFacts) keys(object int32) {
	for _, p := range j.properties(object) {
		j.variable(p.name, p.key)
	}
}

// schemaOf notes the keys of the object that the schema in a call is made of: written before the call, or held by its name.
func (j *jsFacts) schemaOf(c *jsCall) {
	before := j.at(c.open - 3) // …) . parse (
	if before.kind == jsCloseParen && before.match >= 0 {
		j.keys(before.match + 1)
		return
	}
	dot := strings.LastIndexByte(c.name, '.')
	if dot <= 0 {
		return
	}
	if j.objects == nil {
		j.objects = map[string]int32{}
		for i := int32(1); i < int32(len(j.toks)); i++ {
			if j.toks[i].kind != jsAssign || !j.at(i-1).kind.name() {
				continue
			}
			open := i + 1 // z.object({
			for j.at(open).kind.word() && j.dotted(open+1) {
				open += 2
			}
			if j.spelled(open) == "object" && j.at(open+1).kind == jsOpenParen && j.at(open+2).kind == jsOpenBrace {
				j.objects[j.spelled(i-1)] = open + 2
			}
		}
	}
	if open, ok := j.objects[c.name[:dot]]; ok {
		j.keys(open)
		delete(j.objects, c.name[:dot]) // its keys are noted once
	}
}

// configures reports whether a name is that of a parameter of the type ConfigService.
func (j *jsFacts) configures(receiver string) bool {
	if j.configs == nil {
		j.configs = map[string]bool{}
		for i := int32(1); i < int32(len(j.toks)); i++ { // config: ConfigService
			if j.at(i-1).kind == jsColon && j.at(i-2).kind.name() && j.spelled(i) == "ConfigService" {
				j.configs[j.spelled(i-2)] = true
			}
		}
	}
	return j.configs[strings.TrimPrefix(receiver, "this.")]
}
