package webchat

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"

	"baom/flows"
)

// inlineTypes are the types that a browser may show in place. All others are downloaded.
var inlineTypes = []string{
	"image/jpeg", "image/png", "image/gif", "image/webp",
	"audio/ogg", "audio/webm", "audio/mpeg", "audio/mp4", "audio/aac", "audio/wave", "audio/wav", "audio/x-wav", "audio/opus",
	"video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/3gpp",
}

func inline(mime string) bool {
	base, _, _ := strings.Cut(mime, ";")
	return slices.Contains(inlineTypes, strings.TrimSpace(base))
}

// sniff tells the type of a file by its bytes, and what kind of thing it is; ok is false for what is not taken. What the
// file says it is decides only whether a container that can hold both is a sound or a film.
func sniff(data []byte, said string) (mime string, kind flows.Kind, ok bool) {
	if mime, kind = boxed(data, said); mime != "" {
		return mime, kind, true
	}
	if bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) {
		return "application/msword", flows.Document, true // or a sheet or slides of that time
	}
	mime, _, _ = strings.Cut(http.DetectContentType(data), ";")
	switch {
	case mime == "application/ogg":
		if strings.HasPrefix(said, "video/") {
			return "video/ogg", flows.Video, true
		}
		return "audio/ogg", flows.Voice, true
	case mime == "video/webm":
		mime, kind = either("webm", said)
		return mime, kind, true
	case slices.Contains([]string{"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"}, mime):
		return mime, flows.Image, true
	case strings.HasPrefix(mime, "audio/"):
		return mime, flows.Voice, true
	case strings.HasPrefix(mime, "video/"):
		return mime, flows.Video, true
	case mime == "application/pdf":
		return mime, flows.Document, true
	case mime == "application/zip":
		mime = office(data)
		return mime, flows.Document, mime != ""
	}
	return "", "", false
}

// either is a sound or a film in a format that can be both.
func either(format, said string) (mime string, kind flows.Kind) {
	if strings.HasPrefix(said, "audio/") {
		return "audio/" + format, flows.Voice
	}
	return "video/" + format, flows.Video
}

// boxed tells what telephones make and the standard library does not know: the MP4 family, AMR, and frames of sound
// without a header. The type is empty for anything else.
func boxed(data []byte, said string) (mime string, kind flows.Kind) {
	switch {
	case len(data) > 12 && string(data[4:8]) == "ftyp":
		switch brand := string(data[8:12]); {
		case slices.Contains([]string{"heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"}, brand):
			return "image/heic", flows.Image
		case brand == "avif" || brand == "avis":
			return "image/avif", flows.Image
		case strings.HasPrefix(brand, "M4A") || strings.HasPrefix(brand, "M4B"):
			return "audio/mp4", flows.Voice
		case strings.HasPrefix(brand, "qt"):
			return either("quicktime", said)
		case strings.HasPrefix(brand, "3g"):
			return either("3gpp", said)
		}
		return either("mp4", said)
	case bytes.HasPrefix(data, []byte("#!AMR")):
		return "audio/amr", flows.Voice
	case len(data) > 3 && data[0] == 0xff && data[1]&0xf6 == 0xf0:
		return "audio/aac", flows.Voice
	case len(data) > 3 && data[0] == 0xff && data[1]&0xe6 == 0xe2 && data[1]&0x18 != 0x08 && data[2]>>4 != 0xf:
		return "audio/mpeg", flows.Voice
	}
	return "", ""
}

// office tells the type of an office document from its archive: text, sheets or slides, without macros. Any other
// archive has none.
func office(data []byte) (mime string) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(archive.File) == 0 {
		return ""
	}
	if f := archive.File[0]; f.Name == "mimetype" {
		return openDocument(f)
	}
	described := false
	for _, f := range archive.File {
		switch {
		case f.Name == "[Content_Types].xml":
			described = true
		case strings.HasSuffix(strings.ToLower(f.Name), "vbaproject.bin"):
			return ""
		case f.Name == "word/document.xml":
			mime = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
		case f.Name == "xl/workbook.xml":
			mime = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		case f.Name == "ppt/presentation.xml":
			mime = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
		}
	}
	if !described {
		return ""
	}
	return mime
}

// openDocument is the type that an OpenDocument file says it is, in its first entry.
func openDocument(f *zip.File) string {
	const family = "application/vnd.oasis.opendocument."
	r, err := f.Open()
	if err != nil {
		return ""
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, 100))
	mime := strings.TrimSpace(string(data))
	if err != nil || !slices.Contains([]string{family + "text", family + "spreadsheet", family + "presentation"}, mime) {
		return ""
	}
	return mime
}
