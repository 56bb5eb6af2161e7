package whatsapptest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

// serveUpload keeps an encrypted file.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	raw, bad := base64.URLEncoding.DecodeString(r.PathValue("token"))
	if err != nil || bad != nil {
		http.Error(w, "not a file", http.StatusBadRequest)
		return
	}
	token := hex.EncodeToString(raw)
	s.mu.Lock()
	s.blobs[token] = body
	s.mu.Unlock()
	path := "/v/" + token + "?ccb=11-4"
	json.NewEncoder(w).Encode(map[string]string{"url": "https://mmg.whatsapp.net" + path, "direct_path": path})
}

// serveDownload gives an encrypted file, as slowly as SlowFiles says, or says that it is gone.
func (s *Server) serveDownload(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	body, ok := s.blobs[r.PathValue("token")]
	slow := s.slow
	s.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return
	}
	if !ok {
		http.Error(w, "gone", http.StatusGone)
		return
	}
	w.Write(body)
}

// SlowFiles makes each download take that long.
func (s *Server) SlowFiles(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = d
}

// LoseFiles makes every file that was sent until now unavailable, as WhatsApp does after some weeks. A telephone on which
// they still are puts them up again when it is asked; onPhone says whether they are.
func (s *Server) LoseFiles(onPhone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.lost)
	if onPhone {
		for token, b := range s.blobs {
			s.lost[token] = b
		}
	}
	clear(s.blobs)
}

// putUpAgain answers a device that cannot download a file: its telephone puts it up anew, or has it no more. s.mu is held.
func (s *Server) putUpAgain(d *device, n *Node) {
	id := str(n.Attrs["id"])
	rmr := n.GetChildByTag("rmr")
	answer := []Node{{Tag: "error", Attrs: Attrs{"code": 2}}}
	if f, known := s.files[id]; known && s.lost[f.token] != nil {
		again := randHex(32)
		s.blobs[again] = s.lost[f.token]
		plain, err := proto.Marshal(&waMmsRetry.MediaRetryNotification{StanzaID: &id, DirectPath: proto.String("/v/" + again + "?ccb=11-4"),
			Result: waMmsRetry.MediaRetryNotification_SUCCESS.Enum()})
		iv := []byte(randHex(6))
		sealed, bad := gcmutil.Encrypt(hkdfutil.SHA256(f.key, nil, []byte("WhatsApp Media Retry Notification"), 32), iv, plain, []byte(id))
		if err != nil || bad != nil {
			s.t.Errorf("answer that a file is up again: %v %v", err, bad)
			return
		}
		answer = []Node{{Tag: "encrypt", Content: []Node{{Tag: "enc_p", Content: sealed}, {Tag: "enc_iv", Content: iv}}}}
	}
	d.push(Node{Tag: "notification", Attrs: Attrs{"id": id, "type": "mediaretry", "from": types.ServerJID, "t": now()},
		Content: append([]Node{{Tag: "rmr", Attrs: Attrs{"jid": jidAttr(&rmr, "jid"), "from_me": str(rmr.Attrs["from_me"])}}}, answer...)})
}

// SpoilFiles changes a byte in every file that was sent until now, on telephones too.
func (s *Server) SpoilFiles() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, files := range []map[string][]byte{s.blobs, s.lost} {
		for token, b := range files {
			b = bytes.Clone(b)
			b[0] ^= 0xff
			files[token] = b
		}
	}
}
