package content_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"baom/content"
)

// TestAudio: a recording beside an answer is told in its language, the office's own before the program's.
func TestAudio(t *testing.T) {
	voice := func(words string) string { return "OggS\x00\x02 OpusHead" + words }
	base, own := files(), map[string]string{"answers/ar/card.ogg": voice("own")}
	base["answers/ar/card.ogg"] = voice("base")
	lib, err := content.Load(layer(base), layer(own))
	if err != nil {
		t.Fatal(err)
	}
	a := lib.Answer("card")
	if data, err := a.Audio(content.Arabic); err != nil || !bytes.HasSuffix(data, []byte("own")) || !a.HasAudio(content.Arabic) {
		t.Errorf("the recording is %q, %v", data, err)
	}
	if _, err := a.Audio(content.French); !errors.Is(err, fs.ErrNotExist) || a.HasAudio(content.French) {
		t.Errorf("a recording that is not there: %v", err)
	}
}
