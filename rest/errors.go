package rest

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/redoubt-dev/redoubt/threat"
)

// statuses is the one table from an error's code to its HTTP status; a test holds it total.
var statuses = map[threat.Code]int{
	threat.Invalid:            http.StatusBadRequest,
	threat.Unauthenticated:    http.StatusUnauthorized,
	threat.Forbidden:          http.StatusForbidden,
	threat.NotFound:           http.StatusNotFound,
	threat.Conflict:           http.StatusConflict,
	threat.FailedPrecondition: http.StatusPreconditionFailed,
	threat.RateLimited:        http.StatusTooManyRequests,
	threat.PaymentRequired:    http.StatusPaymentRequired,
	threat.Unavailable:        http.StatusServiceUnavailable,
	threat.Internal:           http.StatusInternalServerError,
}

// Status returns the HTTP status for a code.
func Status(code threat.Code) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// WriteError answers with a domain error as JSON.
func WriteError(w http.ResponseWriter, e *threat.Error) {
	if e.Code == threat.Unauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="redoubt"`)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	write(w, Status(e.Code), e)
}

// TooLarge is the refusal of a body over its route's limit.
func TooLarge(limit int64) *threat.Error {
	return threat.Errorf(threat.Invalid, "the body is larger than %d bytes", limit).Hinted("send less, or in several calls")
}

// WriteTooLarge answers 413: the code has no status of its own.
func WriteTooLarge(w http.ResponseWriter, limit int64) {
	w.Header().Set("Connection", "close")
	write(w, http.StatusRequestEntityTooLarge, TooLarge(limit))
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a client that went away reads nothing
}
