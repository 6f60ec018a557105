package builtin

import (
	"errors"

	"github.com/redoubt-dev/redoubt/threat"
)

func asThreat(err error, te **threat.Error) bool { return errors.As(err, te) }
