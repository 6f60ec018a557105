package pipeline

// QuestionOf makes the question of a request, for the tests.
func QuestionOf(r Request, limit int) Question { return question(r, limit) }

// The bounds of one answer.
const (
	MostAssets    = mostAssets
	MostAttackers = mostAttackers
)
