// Verifies logs and receipts of Foedus with the tree and note packages of golang.org/x/mod and the
// Ed25519 of Go: none of the project's own code takes part.
//
//	verifier log DIR VKEY [WITNESS-VKEY...]       every bundle, tile, root and signature
//	verifier receipts DIR VKEY [WITNESS-VKEY...]  every *.tlog-proof file of a directory
//
// Every key named must have signed. It prints one line for what holds and ends with 1 at the first
// thing that does not.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

// Texts that decode to the same bytes in two ways are refused.
var strict = base64.StdEncoding.Strict()

// cosigner checks the Ed25519 cosignatures of C2SP tlog-cosignature, which x/mod does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(text, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), text)
	return ed25519.Verify(c.key, []byte(message), sig[8:])
}

func verifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) == 3 {
		key, err := strict.DecodeString(parts[2])
		if err == nil && len(key) == 33 && key[0] == 4 {
			sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
			hash := binary.BigEndian.Uint32(sum[:4])
			if fmt.Sprintf("%08x", hash) != parts[1] {
				return nil, errors.New("the id of a witness key is not that of the key")
			}
			return cosigner{parts[0], hash, key[1:]}, nil
		}
	}
	return note.NewVerifier(vkey)
}

type head struct {
	size int64
	root tlog.Hash
}

func open(data []byte, keys []note.Verifier) (head, error) {
	opened, err := note.Open(data, note.VerifierList(keys...))
	if err != nil {
		return head{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != keys[0].Name() {
		return head{}, errors.New("not a checkpoint of this log")
	}
	if len(opened.Sigs) != len(keys) {
		return head{}, fmt.Errorf("%d of %d keys signed", len(opened.Sigs), len(keys))
	}
	size, err := number(lines[1])
	root, bad := strict.DecodeString(lines[2])
	if err != nil || bad != nil || len(root) != 32 {
		return head{}, errors.New("not a checkpoint of this log")
	}
	found := head{size: size}
	copy(found.root[:], root)
	return found, nil
}

func number(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && strconv.FormatInt(n, 10) != text {
		err = errors.New("a number has one form")
	}
	return n, err
}

func place(dir, kind string, index, have int64) string {
	path := fmt.Sprintf("%03d", index%1000)
	for rest := index / 1000; rest > 0; rest /= 1000 {
		path = fmt.Sprintf("x%03d/%s", rest%1000, path)
	}
	if have < width {
		path += fmt.Sprintf(".p/%d", have)
	}
	return filepath.Join(dir, "tile", kind, path)
}

func rootOf(hashes []tlog.Hash) tlog.Hash {
	for len(hashes) > 1 {
		var above []tlog.Hash
		for at := 0; at+1 < len(hashes); at += 2 {
			above = append(above, tlog.NodeHash(hashes[at], hashes[at+1]))
		}
		hashes = above
	}
	return hashes[0]
}

func checkLog(dir string, keys []note.Verifier) error {
	data, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return err
	}
	at, err := open(data, keys)
	if err != nil {
		return err
	}
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, index := range indexes {
			out = append(out, stored[index])
		}
		return out, nil
	})
	var level []tlog.Hash
	for index := int64(0); index*width < at.size; index++ {
		have := at.size - index*width
		if have > width {
			have = width
		}
		bundle, err := os.ReadFile(place(dir, "entries", index, have))
		if err != nil {
			return err
		}
		for n := int64(0); n < have; n++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("bundle %d is cut short", index)
			}
			length := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			hashes, err := tlog.StoredHashes(index*width+n, entry, read)
			if err != nil {
				return err
			}
			stored = append(stored, hashes...)
			level = append(level, tlog.RecordHash(entry))
		}
		if len(bundle) > 0 {
			return fmt.Errorf("bundle %d has more than its entries", index)
		}
	}
	root := tlog.Hash(sha256.Sum256(nil))
	if at.size > 0 {
		if root, err = tlog.TreeHash(at.size, read); err != nil {
			return err
		}
	}
	if root != at.root {
		return errors.New("the entries do not lead to the signed root")
	}
	for height := 0; len(level) > 0; height++ {
		var above []tlog.Hash
		for index := 0; index*width < len(level); index++ {
			part := level[index*width:]
			if len(part) > width {
				part = part[:width]
			}
			tile, err := os.ReadFile(place(dir, strconv.Itoa(height), int64(index), int64(len(part))))
			if err != nil {
				return err
			}
			var want []byte
			for _, hash := range part {
				want = append(want, hash[:]...)
			}
			if !bytes.Equal(tile, want) {
				return fmt.Errorf("tile %d of level %d is another", index, height)
			}
			if len(part) == width {
				above = append(above, rootOf(part))
			}
		}
		level = above
	}
	fmt.Printf("holds size=%d\n", at.size)
	return nil
}

// The extra part of a receipt, its fields in the order of canonical JSON.
type receipt struct {
	Item    *item  `json:"item,omitempty"`
	Record  string `json:"record"`
	Salt    string `json:"salt"`
	Version int64  `json:"v"`
}

type item struct {
	Index  int64    `json:"index"`
	Path   []string `json:"path"`
	Record string   `json:"record"`
	Salt   string   `json:"salt"`
}

func extra(data []byte) (*receipt, error) {
	var what receipt
	if err := json.Unmarshal(data, &what); err != nil {
		return nil, err
	}
	var again bytes.Buffer
	encoder := json.NewEncoder(&again)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(what); err != nil {
		return nil, err
	}
	if what.Version != 1 || !bytes.Equal(bytes.TrimSpace(again.Bytes()), data) {
		return nil, errors.New("the extra part is not in its one form")
	}
	return &what, nil
}

func commitment(domain, salt, record string) (tlog.Hash, error) {
	salted, err := hash(salt, unhex)
	if err != nil {
		return tlog.Hash{}, err
	}
	sum := sha256.Sum256([]byte(domain + "\n" + string(salted[:]) + record))
	return tlog.RecordHash(sum[:]), nil
}

func unhex(text string) ([]byte, error) {
	data, err := hex.DecodeString(text)
	if err == nil && hex.EncodeToString(data) != text {
		err = errors.New("hex is in lower case")
	}
	return data, err
}

func hash(text string, decode func(string) ([]byte, error)) (tlog.Hash, error) {
	data, err := decode(text)
	if err != nil || len(data) != 32 {
		return tlog.Hash{}, errors.New("a hash has 32 bytes")
	}
	return tlog.Hash(*(*[32]byte)(data)), nil
}

func checkReceipt(data []byte, keys []note.Verifier) error {
	top, signed, ok := strings.Cut(string(data), "\n\n")
	lines := strings.Split(top, "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" ||
		!strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		return errors.New("not a proof file")
	}
	data, err := strict.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	what, err := extra(data)
	if err != nil {
		return err
	}
	index, err := number(strings.TrimPrefix(lines[2], "index "))
	if err != nil {
		return err
	}
	path, err := hashes(lines[3:], strict.DecodeString)
	if err != nil {
		return err
	}
	at, err := open([]byte(signed), keys)
	if err != nil {
		return err
	}
	leaf, err := commitment("foedus/v1/entry", what.Salt, what.Record)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(path, at.size, at.root, index, leaf); err != nil || what.Item == nil {
		return err
	}
	var batch struct {
		Count int64  `json:"count"`
		Root  string `json:"root"`
	}
	if err := json.Unmarshal([]byte(what.Record), &batch); err != nil {
		return err
	}
	root, err := hash(batch.Root, unhex)
	if err != nil {
		return err
	}
	inner, err := hashes(what.Item.Path, unhex)
	if err != nil {
		return err
	}
	one, err := commitment("foedus/v1/item", what.Item.Salt, what.Item.Record)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(inner, batch.Count, root, what.Item.Index, one)
}

func hashes(texts []string, decode func(string) ([]byte, error)) (tlog.RecordProof, error) {
	var out tlog.RecordProof
	for _, text := range texts {
		one, err := hash(text, decode)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func checkReceipts(dir string, keys []note.Verifier) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.tlog-proof"))
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := checkReceipt(data, keys); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	fmt.Printf("holds receipts=%d\n", len(files))
	return nil
}

func run(args []string) error {
	if len(args) < 3 {
		return errors.New("verifier log|receipts DIR VKEY [WITNESS-VKEY...]")
	}
	var keys []note.Verifier
	for _, vkey := range args[2:] {
		key, err := verifier(vkey)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	switch args[0] {
	case "log":
		return checkLog(args[1], keys)
	case "receipts":
		return checkReceipts(args[1], keys)
	}
	return errors.New("log or receipts?")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
