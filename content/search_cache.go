package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// modelVersion changes with whatever changes what training yields: features, constants, the order of sums.
const modelVersion = "baom search 8\n"

// digest is the hash of all that a model is trained from.
func digest(units []Unit) [32]byte {
	h := sha256.New()
	put := func(s string) {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	put(modelVersion)
	names, _ := fs.Glob(synonymFiles, "synonyms/*")
	for _, name := range names {
		data, _ := synonymFiles.ReadFile(name)
		put(string(data))
	}
	for _, u := range units {
		put(u.ID)
		put(u.Lang)
		put(u.Title)
		put(fmt.Sprint(len(u.Asks)))
		for _, a := range u.Asks {
			put(a)
		}
		put(u.Body)
	}
	return [32]byte(h.Sum(nil))
}

// cacheFile is where a model of this content is kept in a folder.
func (ix *Index) cacheFile(dir string) string {
	return filepath.Join(dir, "search-"+hex.EncodeToString(ix.digest[:8])+".model")
}

// save keeps the nets in a folder, whole or not at all.
func (m *model) save(ix *Index, dir string) error {
	out := bytes.NewBufferString(modelVersion)
	out.Write(ix.digest[:])
	putFloats(out, m.guard)
	for _, n := range m.nets {
		putFloats(out, n.scale)
		for _, q := range n.rows {
			out.WriteByte(byte(q))
		}
		putFloats(out, n.out)
	}
	sum := sha256.Sum256(out.Bytes())
	out.Write(sum[:])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the search model: %w", err)
	}
	f, err := os.CreateTemp(dir, "search-*.tmp")
	if err != nil {
		return fmt.Errorf("keep the search model: %w", err)
	}
	_, err = f.Write(out.Bytes())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), ix.cacheFile(dir))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("keep the search model: %w", err)
	}
	return nil
}

// read takes the nets from a folder; ok is false where they are not there, damaged, or of other content.
func (m *model) read(ix *Index, dir string) (ok bool) {
	data, err := os.ReadFile(ix.cacheFile(dir))
	if err != nil {
		return false
	}
	size, classes := m.size(), len(ix.entries)
	one := 4*size + size*modelWidth + 4*classes*modelWidth
	head := len(modelVersion) + len(ix.digest)
	if len(data) != head+4*(size+1)+m.count*one+sha256.Size {
		return false
	}
	body := data[:len(data)-sha256.Size]
	sum := sha256.Sum256(body)
	if !bytes.Equal(sum[:], data[len(body):]) || string(data[:len(modelVersion)]) != modelVersion ||
		!bytes.Equal(data[len(modelVersion):head], ix.digest[:]) {
		return false
	}
	m.guard, body = takeFloats(body[head:], size+1)
	for i := range m.count {
		n := emptyNet(i, classes)
		n.scale, body = takeFloats(body, size)
		n.rows = make([]int8, size*modelWidth)
		for j := range n.rows {
			n.rows[j] = int8(body[j])
		}
		n.out, body = takeFloats(body[len(n.rows):], classes*modelWidth)
		m.nets = append(m.nets, n)
	}
	return true
}

func putFloats(out *bytes.Buffer, v []float32) {
	for _, x := range v {
		out.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
	}
}

func takeFloats(data []byte, n int) ([]float32, []byte) {
	v := make([]float32, n)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return v, data[4*n:]
}
