package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/outrigger-ipc/outrigger/client-go"
	"github.com/outrigger-ipc/outrigger/examples/sigverify/node/sigverify"
)

// verdict is the sidecar's answer. The reason is empty exactly when it is valid.
type verdict struct {
	valid  bool
	reason string
}

// verifyFunc puts one question to the sidecar. Tests put it to a fake. An error
// means that there is no verdict; a refused signature is a verdict.
type verifyFunc func(ctx context.Context, request *sigverify.VerifyRequest) (verdict, error)

// route is a way to the sidecar: a verifier, and the name of its codec.
type route struct {
	codec  string
	verify verifyFunc
}

// codecs are the forms in which questions and answers can cross.
var codecs = []struct {
	name   string
	verify func(*outrigger.Conn) verifyFunc
}{
	{"archive", overArchives},
	{"json", overJSON},
}

// overArchives calls by the generated client. The question is written straight
// into shared memory; the answer is read where it lies, and released.
func overArchives(conn *outrigger.Conn) verifyFunc {
	client := sigverify.NewClient(conn)
	return func(ctx context.Context, request *sigverify.VerifyRequest) (verdict, error) {
		reply, err := client.Verify(ctx, request)
		if err != nil {
			return verdict{}, err
		}
		defer reply.Release()
		return verdict{reply.Valid(), reply.Reason()}, nil
	}
}

// overJSON calls the same method by its name.
func overJSON(conn *outrigger.Conn) verifyFunc {
	return func(ctx context.Context, request *sigverify.VerifyRequest) (verdict, error) {
		var reply jsonReply
		err := conn.CallJSON(ctx, method, jsonOf(request), &reply)
		return verdict{reply.Valid, reply.Reason}, err
	}
}

// routes returns one for each name.
//
// Preconditions: parseCodecs returned the names.
func routes(conn *outrigger.Conn, names []string) []route {
	var found []route
	for _, name := range names {
		for _, known := range codecs {
			if known.name == name {
				found = append(found, route{name, known.verify(conn)})
			}
		}
	}
	return found
}

// parseCodecs reads a list like "archive,json".
func parseCodecs(list string) ([]string, error) {
	allowed := map[string]bool{}
	for _, known := range codecs {
		allowed[known.name] = true
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !allowed[name] {
			return nil, fmt.Errorf("codec %q (allowed: archive, json, each once)", name)
		}
		allowed[name] = false
	}
	return names, nil
}
