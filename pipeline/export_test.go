package pipeline

// QuestionOf makes the question of a request, for the tests.
func QuestionOf(r Request, limit int) Question { return question(r, limit) }

// Archetypes are the words for where attackers come from.
func Archetypes() []string { return archetypes }

// The bounds of one answer.
const (
	MostAssets    = mostAssets
	MostAttackers = mostAttackers
)
