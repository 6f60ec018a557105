package impact

// SetWork gives an index less work than an analysis has, so that a test comes to the end of it soon.
func (x *Index) SetWork(n int) { x.work = n }
