package source

import (
	"slices"
	"strings"
)

// csTyped are the types whose variables are known by their declaration.
var csTyped = wordSet(`IApplicationBuilder IAppBuilder WebApplication HttpConfiguration GlobalFilterCollection`)

// csHeaders are the properties of IHeaderDictionary and the fields of HeaderNames that do not read like their header when their
// words are joined by "-".
var csHeaders = map[string]string{
	"ETag": "ETag", "WWWAuthenticate": "WWW-Authenticate", "XXSSProtection": "X-XSS-Protection", "XUACompatible": "X-UA-Compatible", "TE": "TE",
	"ContentMD5": "Content-MD5", "AltSvc": "Alt-Svc", "DNT": "DNT", "GrpcAcceptEncoding": "Grpc-Accept-Encoding",
	"SecWebSocketAccept": "Sec-WebSocket-Accept", "SecWebSocketKey": "Sec-WebSocket-Key", "SecWebSocketProtocol": "Sec-WebSocket-Protocol",
	"SecWebSocketVersion": "Sec-WebSocket-Version", "SecWebSocketExtensions": "Sec-WebSocket-Extensions",
}

// csPlainHeaders are those that do.
var csPlainHeaders = wordSet(`Accept AcceptCharset AcceptEncoding AcceptLanguage AcceptRanges AccessControlAllowCredentials
	AccessControlAllowHeaders AccessControlAllowMethods AccessControlAllowOrigin AccessControlExposeHeaders AccessControlMaxAge
	AccessControlRequestHeaders AccessControlRequestMethod Age Allow Authorization CacheControl Connection ContentDisposition ContentEncoding
	ContentLanguage ContentLength ContentLocation ContentRange ContentSecurityPolicy ContentSecurityPolicyReportOnly ContentType Cookie
	Date Expect Expires From Host IfMatch IfModifiedSince IfNoneMatch IfRange IfUnmodifiedSince KeepAlive LastModified Link Location
	MaxForwards Origin Pragma ProxyAuthenticate ProxyAuthorization ProxyConnection Range Referer RetryAfter RequestId Server SetCookie
	StrictTransportSecurity Trailer TransferEncoding Translate Upgrade UpgradeInsecureRequests UserAgent Vary Via Warning XContentTypeOptions
	XFrameOptions XPoweredBy XRequestedWith`)

// csHeader returns the header that a property or field of that name stands for, or "".
func csHeader(property string) string {
	if name := csHeaders[property]; name != "" || !csPlainHeaders[property] {
		return name
	}
	var b strings.Builder
	for i := range len(property) {
		if c := property[i]; i > 0 && 'A' <= c && c <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteByte(property[i])
	}
	return b.String()
}

// web looks at calls and assignments for what they mean to HTTP and the environment.
func (c *csFile) web() {
	filtered := 0
	for _, o := range c.opened {
		if c.muted.holds(int(c.at(o.name).start)) {
			continue
		}
		c.webCall(o)
		switch c.text(o.name) {
		case "AddControllers", "AddControllersWithViews", "AddMvc", "AddMvcCore", "AddRazorPages", "Configure":
			mvc := c.text(o.name) != "Configure" || o.angle > 0 && c.is(o.angle+1, "MvcOptions")
			if mvc && o.open >= filtered {
				filtered = c.partner(o.open)
				c.filters(o.open+1, filtered)
			}
		}
	}
	for i := range c.tokens {
		switch {
		case c.isAny(i, "=", "??=", "+="):
			c.assigns(i)
		}
	}
}

// receiver returns the dotted name before the last part of the name that ends at token i, or "".
func (c *csFile) receiver(i int) string {
	name, _ := c.chain(i, csNotation)
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		return name[:dot]
	}
	return ""
}

func csLast(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// text of a range of tokens: a literal, or the name of a constant of the file.
func (c *csFile) valueOf(a, b int) (string, bool) {
	if b != a+1 {
		return "", false
	}
	if s, ok := c.literalValue(a); ok {
		return s, c.src[c.at(a).start] != '\''
	}
	s := c.consts[plainWord(c.word(a))]
	return s, s != ""
}

// headerName is the header that a range of tokens names: a text, a constant, or HeaderNames.X.
func (c *csFile) headerName(a, b int) string {
	if s, ok := c.valueOf(a, b); ok {
		return s
	}
	if name, next := c.dotted(a); next == b && csLast(strings.TrimSuffix(name, "."+csLast(name))) == "HeaderNames" {
		return csHeader(csLast(name))
	}
	return ""
}

// ofResponse reports whether a dotted name, or a variable of it, is the headers of a response.
func (c *csFile) ofResponse(name string) bool { return csOfResponse(name) || c.aliases[name] != "" }

func (c *csFile) header(name string, at, a, b int) {
	if name == "" {
		return
	}
	h := Header{Name: name, Line: c.lineOf(at)}
	h.Value, h.Known = c.valueOf(a, b)
	c.Headers = append(c.Headers, h)
}

// assigns notes the header that the assignment at token i sets: by index, or by a property.
func (c *csFile) assigns(i int) {
	end := func() int {
		if !c.is(i, "=") {
			return i // joined to what was there
		}
		return c.until(i+1, ";", ",")
	}
	switch {
	case c.is(i-1, "]"):
		open := c.partner(i - 1)
		if c.word(open-1) == "" {
			return
		}
		if name, _ := c.chain(open-1, csNotation); c.ofResponse(name) {
			c.header(c.headerName(open+1, i-1), open+1, i+1, end())
		}
	case c.is(i-2, ".") && c.word(i-1) != "" && c.word(i-3) != "":
		if name, _ := c.chain(i-3, csNotation); c.ofResponse(name) {
			c.header(csHeader(c.word(i-1)), i-1, i+1, end())
		}
	}
}

// webCall notes what one call means.
func (c *csFile) webCall(o csOpen) {
	last := c.text(o.name)
	if last[0] < 'A' || last[0] > 'Z' {
		return
	}
	switch last {
	case "GetEnvironmentVariable":
		receiver := c.receiver(o.name)
		static := receiver == "" && slices.ContainsFunc(c.Imports, func(im Import) bool { return im.Module == "System.Environment" && im.Names != nil })
		if args := c.items(o.open, ","); len(args) > 0 && (static || csLast(receiver) == "Environment") {
			if name, ok := c.valueOf(args[0][0], args[0][1]); ok && name != "" {
				c.Env = append(c.Env, Reference{Name: name, Line: c.lineOf(args[0][0])})
			}
		}
	case "Add", "Append", "TryAdd", "Set", "AddHeader", "AppendHeader":
		receiver := c.receiver(o.name)
		direct := strings.HasSuffix(last, "Header") && csIsResponse(csLast(receiver))
		if direct || !strings.HasSuffix(last, "Header") && c.ofResponse(receiver) {
			if args := c.items(o.open, ","); len(args) == 2 {
				c.header(c.headerName(args[0][0], args[0][1]), args[0][0], args[1][0], args[1][1])
			}
			return
		}
		if last != "Add" {
			return
		}
		switch root, _, _ := strings.Cut(receiver, "."); {
		case receiver == "GlobalFilters.Filters", csLast(receiver) == "Filters" && c.typed[root] == "HttpConfiguration",
			c.typed[receiver] == "GlobalFilterCollection", csLast(receiver) == "MessageHandlers" && c.typed[root] == "HttpConfiguration":
			c.registers(o)
		}
	case "AddEndpointFilter":
		c.registers(o)
	default:
		if strings.HasPrefix(last, "Use") && c.isApplication(o.name) {
			switch {
			case last == "Use" || last == "UseMiddleware":
				c.registers(o)
			case last[3] >= 'A' && last[3] <= 'Z' && last != "UseWhen" && last != "UseUrls":
				c.Middle = append(c.Middle, Reference{Name: last, Line: c.lineOf(o.name)})
			}
		}
	}
}

// isApplication reports whether the call whose name ends at token i is on the application: on a variable that is called so or
// typed so, or on what another such call returns.
func (c *csFile) isApplication(i int) bool {
	for range 50 {
		c.work++
		name, first := c.chain(i, csNotation)
		if !strings.HasPrefix(name, "?.") {
			root, rest, dotted := strings.Cut(name, ".")
			if !dotted || strings.Contains(rest, ".") {
				return false
			}
			typ, known := c.typed[root]
			return typ == "IApplicationBuilder" || typ == "IAppBuilder" || typ == "WebApplication" ||
				!known && slices.ContainsFunc(words(root), func(w string) bool { return w == "app" || w == "application" })
		}
		if !c.is(first-1, ".") || !c.is(first-2, ")") { // a?.Use…() may not be called at all
			return false
		}
		i = c.partner(first-2) - 1
		if c.is(i, ">") && c.angled != nil && c.angled[i] {
			for depth := 0; i > 0; i = c.back(i) {
				c.work++
				if c.angled[i] && c.is(i, ">") {
					depth++
				} else if c.angled[i] {
					if depth--; depth == 0 {
						i--
						break
					}
				}
			}
		}
		if !strings.HasPrefix(c.word(i), "Use") && !strings.HasPrefix(c.word(i), "Map") {
			return false
		}
	}
	return false
}

// filters notes the filters that the options between tokens a and b get: options.Filters.Add<X>(), .Add(new X()), .Add(typeof(X)).
func (c *csFile) filters(a, b int) {
	from, _ := slices.BinarySearchFunc(c.opened, a, func(o csOpen, at int) int { return o.open - at })
	for _, o := range c.opened[from:] {
		if o.open >= b {
			return
		}
		c.work++
		if c.isAny(o.name, "Add", "AddService") && csLast(c.receiver(o.name)) == "Filters" {
			c.registers(o)
		}
	}
}

// registers notes what a call registers: its type argument, or its first argument when that is a name, typeof(X) or new X(…).
func (c *csFile) registers(o csOpen) {
	name := ""
	if o.angle > 0 {
		name, _ = c.dotted(o.angle + 1)
	} else if args := c.items(o.open, ","); len(args) > 0 {
		a, b := args[0][0], args[0][1]
		if c.is(a, "typeof") && c.is(a+1, "(") {
			a, b = a+2, c.partner(a+1)
		} else if c.is(a, "new") {
			a++
			if end := c.typeAt(a); end > 0 && c.isAny(end, "(", "{") {
				b = end
			}
		}
		n, next := c.dotted(a)
		if next = c.pastAngles(next); next == b && n != "null" {
			name = n
		}
	}
	if name != "" {
		c.Middle = append(c.Middle, Reference{Name: name, Line: c.lineOf(o.name)})
	}
}
