package remote

import "time"

// Hurry makes a client's pauses short.
func Hurry(c *Client) { c.pause = time.Microsecond }
