package rest

// Compile compiles the schema of the route's arguments, which else happens at its first request.
func (rt Route) Compile() error { return rt.checker.Compile() }
