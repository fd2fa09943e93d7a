package main

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/outrigger-ipc/outrigger/examples/sigverify/node/sigverify"
)

// The Wycheproof files that say what this sidecar promises: one signature
// encoding for each algorithm, and the rules of plain ECDSA. Left out on
// purpose:
//
//   - ecdsa_*_sha256_p1363_test.json: the same keys and rules for signatures
//     encoded as r and s side by side. The sidecar speaks DER, and refuses
//     these unread.
//   - ecdsa_secp256k1_sha256_bitcoin_test.json: Bitcoin's rule that s must be
//     low. It calls a signature invalid that plain ECDSA calls valid, so no
//     verifier agrees with both files; Bitcoin's would be an algorithm of its
//     own.
var suiteFiles = []struct {
	file      string
	algorithm sigverify.Algorithm
}{
	{"ed25519_test.json", sigverify.AlgorithmEd25519},
	{"ecdsa_secp256r1_sha256_test.json", sigverify.AlgorithmEcdsaP256Sha256},
	{"ecdsa_secp256k1_sha256_test.json", sigverify.AlgorithmEcdsaSecp256k1Sha256},
}

// suite is one file of vectors.
type suite struct {
	file    string
	vectors []vector
}

// vector is one question with its known answer.
type vector struct {
	id      int // tcId, unique in its file
	comment string
	result  result
	request sigverify.VerifyRequest // made once, sent again and again
}

// result is what Wycheproof says of a signature.
type result string

// The results there are. An acceptable signature is one on which sound
// verifiers differ (legacy encodings, weak parameters); nobody is right or
// wrong about it. The files above have none today.
const (
	resultValid      result = "valid"
	resultInvalid    result = "invalid"
	resultAcceptable result = "acceptable"
)

// vectorFile is the part of a Wycheproof file that we read.
type vectorFile struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		PublicKey struct {
			PK           hexBytes `json:"pk"`           // Ed25519
			Uncompressed hexBytes `json:"uncompressed"` // ECDSA, as a SEC1 point
		} `json:"publicKey"`
		Tests []struct {
			ID        int      `json:"tcId"`
			Comment   string   `json:"comment"`
			Message   hexBytes `json:"msg"`
			Signature hexBytes `json:"sig"`
			Result    result   `json:"result"`
		} `json:"tests"`
	} `json:"testGroups"`
}

// loadSuites reads every file of suiteFiles.
func loadSuites(files fs.FS) ([]suite, error) {
	var suites []suite
	for _, source := range suiteFiles {
		vectors, err := loadVectors(files, source.file, source.algorithm)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source.file, err)
		}
		suites = append(suites, suite{source.file, vectors})
	}
	return suites, nil
}

// loadVectors reads one file. A demo that skipped what it does not understand
// would agree with everything, so a result, a key or a count that looks wrong
// is an error.
func loadVectors(
	files fs.FS, name string, algorithm sigverify.Algorithm,
) ([]vector, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var file vectorFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}

	var vectors []vector
	for _, group := range file.TestGroups {
		key := group.PublicKey.Uncompressed
		if algorithm == sigverify.AlgorithmEd25519 {
			key = group.PublicKey.PK
		}
		for _, test := range group.Tests {
			switch test.Result {
			case resultValid, resultInvalid, resultAcceptable:
			default:
				return nil, fmt.Errorf("vector %d: unknown result %q", test.ID, test.Result)
			}
			if len(key) == 0 {
				return nil, fmt.Errorf("vector %d: no public key", test.ID)
			}
			request := sigverify.VerifyRequest{
				Algorithm: algorithm, Key: key, Message: test.Message, Signature: test.Signature,
			}
			vectors = append(vectors, vector{test.ID, test.Comment, test.Result, request})
		}
	}
	if len(vectors) == 0 || len(vectors) != file.NumberOfTests {
		return nil, fmt.Errorf("%d vectors (file says %d)", len(vectors), file.NumberOfTests)
	}
	return vectors, nil
}
