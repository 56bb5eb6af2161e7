package content

// An Option is one choice offered to a person: a stable id, the same in every language, and its label in theirs.
type Option struct {
	ID    string `json:"id"`
	Label string `json:"label"`
}
