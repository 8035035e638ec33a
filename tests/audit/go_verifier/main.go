// Command verifier checks an exported ledger with golang.org/x/mod/sumdb alone: it shares no code
// with the ledger's own implementation.
//
//	verifier VKEY FOLDER
//
// FOLDER holds records.jsonl (the export), checkpoints/* (signed notes), receipts/*.tlog-proof and
// consistency/OLD-NEW (one Base64 hash a line). It prints what it checked as JSON, or fails.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type checkpoint struct {
	size int64
	root tlog.Hash
}

type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = h[index]
	}
	return found, nil
}

func main() {
	if len(os.Args) != 3 {
		fail("usage: verifier VKEY FOLDER")
	}
	verifier, err := note.NewVerifier(os.Args[1])
	check("verifier key", err)
	folder := os.Args[2]
	records := readRecords(filepath.Join(folder, "records.jsonl"))
	stored := buildTree(records)
	checked := map[string]int{"records": len(records)}
	bySize := map[int64]checkpoint{}
	for _, path := range list(folder, "checkpoints") {
		tree := openCheckpoint(path, read(path), verifier)
		root, err := tlog.TreeHash(tree.size, stored)
		check(path, err)
		if root != tree.root {
			fail("%s: the records of the export do not have the signed root", path)
		}
		bySize[tree.size] = tree
		checked["checkpoints"]++
	}
	for _, path := range list(folder, "receipts") {
		checkReceipt(path, records, verifier)
		checked["receipts"]++
	}
	for _, path := range list(folder, "consistency") {
		checkConsistency(path, bySize)
		checked["consistency"]++
	}
	check("output", json.NewEncoder(os.Stdout).Encode(checked))
}

func readRecords(path string) [][]byte {
	data := read(path)
	if len(data) == 0 {
		return nil
	}
	if data[len(data)-1] != '\n' {
		fail("%s: the last line is cut", path)
	}
	return bytes.Split(data[:len(data)-1], []byte("\n"))
}

func buildTree(records [][]byte) hashes {
	var stored hashes
	for i, record := range records {
		more, err := tlog.StoredHashes(int64(i), record, stored)
		check("tree", err)
		stored = append(stored, more...)
	}
	return stored
}

func openCheckpoint(path string, message []byte, verifier note.Verifier) checkpoint {
	opened, err := note.Open(message, note.VerifierList(verifier))
	check(path, err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		fail("%s: not a checkpoint of %s", path, verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(path, err)
	root, err := tlog.ParseHash(lines[2])
	check(path, err)
	return checkpoint{size, root}
}

func checkReceipt(path string, records [][]byte, verifier note.Verifier) {
	head, signed, found := bytes.Cut(read(path), []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("%s: not a receipt", path)
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	check(path, err)
	tree := openCheckpoint(path, signed, verifier)
	if index < 0 || index >= int64(len(records)) {
		fail("%s: there is no record %d", path, index)
	}
	proof := tlog.RecordProof(parseHashes(path, lines[2:]))
	leaf := tlog.RecordHash(records[index])
	check(path, tlog.CheckRecord(proof, tree.size, tree.root, index, leaf))
}

func checkConsistency(path string, bySize map[int64]checkpoint) {
	oldText, newText, _ := strings.Cut(filepath.Base(path), "-")
	oldSize, err := strconv.ParseInt(oldText, 10, 64)
	check(path, err)
	newSize, err := strconv.ParseInt(newText, 10, 64)
	check(path, err)
	before, after := bySize[oldSize], bySize[newSize]
	proof := tlog.TreeProof(parseHashes(path, strings.Fields(string(read(path)))))
	check(path, tlog.CheckTree(proof, newSize, after.root, oldSize, before.root))
}

func parseHashes(path string, lines []string) []tlog.Hash {
	found := []tlog.Hash{}
	for _, line := range lines {
		data, err := base64.StdEncoding.Strict().DecodeString(line)
		check(path, err)
		if len(data) != tlog.HashSize {
			fail("%s: a hash of the proof is cut", path)
		}
		found = append(found, tlog.Hash(data))
	}
	return found
}

func list(folder, kind string) []string {
	paths, err := filepath.Glob(filepath.Join(folder, kind, "*"))
	check(kind, err)
	sort.Strings(paths)
	return paths
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	check(path, err)
	return data
}

func check(what string, err error) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}
