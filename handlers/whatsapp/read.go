package whatsapp

import (
	"bufio"
	"encoding/json"
	"mime"
	"path"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"baom/bot"
	"baom/flows"
)

// kindOf is what sort of thing a message is.
func kindOf(m *waE2E.Message) flows.Kind {
	switch {
	case m.GetImageMessage() != nil:
		return flows.Image
	case m.GetVideoMessage() != nil, m.GetPtvMessage() != nil:
		return flows.Video
	case m.GetAudioMessage() != nil:
		return flows.Voice
	case m.GetDocumentMessage() != nil:
		return flows.Document
	case m.GetStickerMessage() != nil, m.GetLottieStickerMessage() != nil:
		return flows.Sticker
	case m.GetLocationMessage() != nil, m.GetLiveLocationMessage() != nil:
		return flows.Location
	case m.GetContactMessage() != nil, m.GetContactsArrayMessage() != nil:
		return flows.Contact
	}
	return flows.Text
}

// textOf is what a message says in words: its text, its caption, what was pressed in it.
func textOf(m *waE2E.Message) string {
	for _, s := range []string{m.GetConversation(), m.GetExtendedTextMessage().GetText(), m.GetImageMessage().GetCaption(), m.GetVideoMessage().GetCaption(),
		m.GetDocumentMessage().GetCaption(), m.GetButtonsResponseMessage().GetSelectedDisplayText(), m.GetListResponseMessage().GetTitle(),
		m.GetTemplateButtonReplyMessage().GetSelectedDisplayText(), m.GetPollCreationMessage().GetName(), m.GetPollCreationMessageV3().GetName()} {
		if s != "" {
			return s
		}
	}
	return ""
}

// fill reads the content of a message into an entry.
func (w *WhatsApp) fill(e *bot.Entry, m *waE2E.Message, info *types.MessageInfo) {
	e.Input.Kind, e.Input.Text = kindOf(m), textOf(m)
	switch {
	case m.GetLocationMessage() != nil:
		x := m.GetLocationMessage()
		e.Input.Lat, e.Input.Lon = x.GetDegreesLatitude(), x.GetDegreesLongitude()
		e.Input.Text = words(x.GetName(), x.GetAddress())
	case m.GetLiveLocationMessage() != nil:
		x := m.GetLiveLocationMessage()
		e.Input.Lat, e.Input.Lon, e.Input.Text = x.GetDegreesLatitude(), x.GetDegreesLongitude(), x.GetCaption()
	case m.GetContactMessage() != nil:
		e.Input.Text = card(m.GetContactMessage())
	case m.GetContactsArrayMessage() != nil:
		var cards []string
		for _, c := range m.GetContactsArrayMessage().GetContacts() {
			if len(cards) < 10 {
				cards = append(cards, card(c))
			}
		}
		e.Input.Text = strings.Join(cards, "\n")
	default:
		e.Media = w.attachment(m, info)
	}
}

// words joins what there is with spaces.
func words(parts ...string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// card is a contact card as words: the name and the telephone numbers.
func card(c *waE2E.ContactMessage) string {
	name, phones := readCard(c.GetVcard())
	if c.GetDisplayName() != "" {
		name = c.GetDisplayName()
	}
	return words(append([]string{clip(name, 200)}, phones...)...)
}

// readCard reads the name and the telephone numbers of a vCard. What it cannot read it leaves out.
func readCard(vcard string) (name string, phones []string) {
	in := bufio.NewScanner(strings.NewReader(clip(vcard, 64<<10)))
	in.Buffer(nil, 128<<10)
	for in.Scan() {
		field, value, ok := strings.Cut(in.Text(), ":")
		if !ok {
			continue
		}
		field, _, _ = strings.Cut(field, ";")
		if i := strings.LastIndexByte(field, '.'); i >= 0 { // item1.TEL
			field = field[i+1:]
		}
		value = strings.ToValidUTF8(strings.TrimSpace(strings.NewReplacer(`\,`, ",", `\;`, ";", `\n`, " ", `\\`, `\`).Replace(value)), "")
		switch strings.ToUpper(field) {
		case "FN":
			name = value
		case "TEL":
			if value = strings.TrimPrefix(value, "tel:"); value != "" && len(phones) < 5 {
				phones = append(phones, clip(value, 40))
			}
		}
	}
	return name, phones
}

// A fileRef is how a file is fetched later: the message that it came with, by id and names, and the part that tells where it
// is and how to open it.
type fileRef struct {
	ID   string `json:"id"`
	Chat string `json:"chat"`
	Part []byte `json:"part"` // a waE2E.Message
}

// attachment is the file of a message. Its content is fetched later; one over the limit, or of a sort that is not taken, is
// lost from the beginning.
func (w *WhatsApp) attachment(m *waE2E.Message, info *types.MessageInfo) *bot.Media {
	media := &bot.Media{Kind: kindOf(m), State: bot.MediaWanted}
	part := &waE2E.Message{}
	switch {
	case m.GetImageMessage() != nil:
		x := proto.CloneOf(m.GetImageMessage())
		x.JPEGThumbnail, x.Caption, x.ContextInfo = nil, nil, nil
		part.ImageMessage = x
		media.Mime, media.Size = x.GetMimetype(), int64(x.GetFileLength())
	case m.GetVideoMessage() != nil, m.GetPtvMessage() != nil:
		x := m.GetVideoMessage()
		if x == nil {
			x = m.GetPtvMessage()
		}
		x = proto.CloneOf(x)
		x.JPEGThumbnail, x.Caption, x.ContextInfo = nil, nil, nil
		part.VideoMessage = x
		media.Mime, media.Size, media.Seconds = x.GetMimetype(), int64(x.GetFileLength()), int(x.GetSeconds())
	case m.GetAudioMessage() != nil:
		x := proto.CloneOf(m.GetAudioMessage())
		x.Waveform, x.ContextInfo = nil, nil
		part.AudioMessage = x
		media.Mime, media.Size, media.Seconds = x.GetMimetype(), int64(x.GetFileLength()), int(x.GetSeconds())
	case m.GetDocumentMessage() != nil:
		x := proto.CloneOf(m.GetDocumentMessage())
		x.JPEGThumbnail, x.Caption, x.ContextInfo = nil, nil, nil
		part.DocumentMessage = x
		media.Mime, media.Size, media.Name = x.GetMimetype(), int64(x.GetFileLength()), clip(strings.ToValidUTF8(x.GetFileName(), "_"), 200)
	default:
		return nil
	}
	if kind, _, err := mime.ParseMediaType(media.Mime); err == nil {
		media.Mime = kind
	}
	raw, err := proto.Marshal(part)
	if err == nil {
		media.Ref, err = json.Marshal(fileRef{info.ID, info.Chat.String(), raw})
	}
	if err != nil || media.Size > bot.MaxMedia || !taken(media) {
		media.State, media.Ref = bot.MediaLost, nil
	}
	return media
}

// taken reports whether a file is of a sort that is taken: what an officer can look at, and nothing that runs. A document
// of no sort is what the end of its name says.
func taken(m *bot.Media) bool {
	kind := strings.ToLower(m.Mime)
	if kind == "application/octet-stream" {
		kind, _, _ = mime.ParseMediaType(mime.TypeByExtension(path.Ext(m.Name)))
	}
	top, sub, _ := strings.Cut(kind, "/")
	switch top {
	case "image", "audio", "video":
		return sub != "svg+xml" // an image that can run
	case "text":
		return m.Kind == flows.Document && (sub == "plain" || sub == "csv" || sub == "vcard" || sub == "x-vcard" || sub == "rtf")
	case "application":
		return m.Kind == flows.Document && (sub == "pdf" || sub == "msword" || sub == "rtf" || sub == "vnd.ms-excel" || sub == "vnd.ms-powerpoint" ||
			strings.HasPrefix(sub, "vnd.openxmlformats-officedocument.") || strings.HasPrefix(sub, "vnd.oasis.opendocument."))
	}
	return false
}

// downloadable is the part of a reference that whatsmeow downloads, or nil.
func downloadable(m *waE2E.Message) whatsmeow.DownloadableMessage {
	switch {
	case m.GetImageMessage() != nil:
		return m.GetImageMessage()
	case m.GetVideoMessage() != nil:
		return m.GetVideoMessage()
	case m.GetAudioMessage() != nil:
		return m.GetAudioMessage()
	case m.GetDocumentMessage() != nil:
		return m.GetDocumentMessage()
	}
	return nil
}
