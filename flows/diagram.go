package flows

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Draw writes the dialogues as Mermaid state diagrams in Markdown. The moves that every state has (the menu, an officer,
// stop …) are told once, in a table.
func Draw(w io.Writer, flows []Flow) error {
	var out strings.Builder
	out.WriteString("# The dialogues\n\nDrawn from the move tables by `baom flows`; a test of `.ci/run` holds this page to them. A state with a slash belongs to another dialogue.\n")
	for _, f := range flows {
		fmt.Fprintf(&out, "\n## %s\n\n```mermaid\nstateDiagram-v2\n", f.Name)
		id := func(state string) string { return strings.NewReplacer("/", "__", "-", "_").Replace(state) }
		named := map[string]bool{}
		name := func(state string) string {
			if i := id(state); i != state && !named[state] {
				named[state] = true
				fmt.Fprintf(&out, "    state \"%s\" as %s\n", state, i)
			}
			return id(state)
		}
		for _, m := range f.Moves {
			for _, src := range m.Src {
				from, to := name(src), name(m.Dst)
				fmt.Fprintf(&out, "    %s --> %s: %s\n", from, to, m.Name)
			}
		}
		out.WriteString("```\n")
	}
	out.WriteString("\n## From every state\n\n| what happens | leads to |\n|---|---|\n")
	shared := everywhere()
	for _, event := range slices.Sorted(maps.Keys(shared)) {
		fmt.Fprintf(&out, "| %s | %s |\n", event, shared[event])
	}
	_, err := io.WriteString(w, out.String())
	return err
}
