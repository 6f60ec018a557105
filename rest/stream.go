package rest

import (
	"context"
	"io"
	"net/http"
	"time"
)

// stream is an answer that is made while it is sent, as a file.
type stream interface {
	File() (name, kind string)
	Stream(ctx context.Context, w io.Writer) error
}

// streamPatience is how long a client may take to read one part of a stream; the server's own limit is for whole answers.
const streamPatience = time.Minute

// send sends a file as it is made. What fails before the first byte is answered as an error; later the connection breaks off, so that no
// client takes a part for the whole.
func (a *API) send(w http.ResponseWriter, r *http.Request, file stream) {
	name, kind := file.File()
	out := &streamWriter{w: w, control: http.NewResponseController(w), kind: kind, name: name}
	err := file.Stream(r.Context(), out)
	switch {
	case err == nil:
	case !out.begun:
		a.fail(w, r, err)
	default:
		a.log.Warn().Err(err).Str("path", r.URL.Path).Msg("a stream broke off")
		panic(http.ErrAbortHandler)
	}
}

// streamWriter writes the headers with the first byte, and gives the client a while to read each part.
type streamWriter struct {
	w          http.ResponseWriter
	control    *http.ResponseController
	kind, name string
	begun      bool
}

func (s *streamWriter) Write(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		h := s.w.Header()
		h.Set("Content-Type", s.kind)
		h.Set("Content-Disposition", `attachment; filename="`+s.name+`"`)
		h.Set("Cache-Control", "no-store")
	}
	if err := s.control.SetWriteDeadline(time.Now().Add(streamPatience)); err != nil {
		return 0, err
	}
	return s.w.Write(p)
}
