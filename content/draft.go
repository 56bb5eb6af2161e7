package content

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A Draft is an answer to be: what an officer wrote to people who had asked in vain, before an editor gives it sources.
type Draft struct {
	ID          string
	Lang        Lang // in which Title and Body are
	Title, Body string
	Need        string   // a code, or empty
	Asks        []string // as people wrote, in any language
	Day         time.Time
}

// Files are the files it becomes, by their path in a folder of content: the French master, and a translation where it was
// written in another language; then the French text says that it is to be translated. A draft is of low confidence and is
// to be reviewed within three months.
func (d Draft) Files() map[string]string {
	asks := map[string][]string{}
	seen := map[string]bool{}
	for _, ask := range append([]string{d.Title}, d.Asks...) {
		folded := Fold(ask)
		if folded == "" || seen[folded] || strings.Contains(ask, "…") {
			continue
		}
		seen[folded] = true
		tag, _ := Identify(ask)
		if !slices.Contains(wordTags, tag) {
			tag = string(d.Lang)
		}
		asks[tag] = append(asks[tag], ask)
	}
	front := master{ID: d.ID, Title: d.Title, Ask: asks, Structures: []string{"baom"}, Confidence: "low", Status: "draft",
		Reviewed: d.Day.Format(time.DateOnly), ReviewBy: d.Day.AddDate(0, 3, 0).Format(time.DateOnly)}
	if d.Need != "" {
		front.Needs = []string{d.Need}
	}
	body := d.Body
	if d.Lang != French {
		front.Title, body = "À traduire : "+d.Title, "À traduire."
	}
	files := map[string]string{"answers/fr/" + d.ID + ".md": withFront(front, body)}
	if d.Lang != French {
		files["answers/"+string(d.Lang)+"/"+d.ID+".md"] = withFront(translation{Title: d.Title, Status: "draft", From: revision(body)}, d.Body)
	}
	return files
}

// withFront is a file with front matter.
func withFront(front any, body string) string {
	data, err := yaml.Marshal(front)
	if err != nil { // cannot be: it holds strings
		panic(fmt.Errorf("front matter: %w", err))
	}
	return "---\n" + string(data) + "---\n" + strings.TrimSpace(body) + "\n"
}
