package console

import (
	"maps"
	"slices"
)

// Patterns are those of all that the console serves.
func (c *Console) Patterns() []string { return slices.Sorted(maps.Keys(c.handlers())) }
