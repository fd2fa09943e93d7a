package main

import (
	"reflect"
	"testing"
	"time"
)

func TestOptionsAreRead(t *testing.T) {
	opts, err := parseOptions([]string{
		"--socket", "/s", "--seconds", "0.5", "--goroutines", "2,8", "--codec", "json,archive",
	})
	want := options{
		socket: "/s", codecs: []string{"json", "archive"},
		duration: 500 * time.Millisecond, goroutines: []int{2, 8},
	}
	if err != nil || !reflect.DeepEqual(opts, want) {
		t.Fatalf("%+v, %v", opts, err)
	}
}

func TestOptionsLeftOutMeanArchives(t *testing.T) {
	opts, err := parseOptions([]string{"--sidecar", "./s"})
	want := options{
		sidecar: "./s", codecs: []string{"archive"},
		duration: 3 * time.Second, goroutines: []int{1, 64},
	}
	if err != nil || !reflect.DeepEqual(opts, want) {
		t.Fatalf("%+v, %v", opts, err)
	}
}

func TestLastOfAFlagCounts(t *testing.T) {
	opts, err := parseOptions([]string{"--sidecar", "./s", "--codec", "archive", "--codec", "json"})
	if err != nil || !reflect.DeepEqual(opts.codecs, []string{"json"}) {
		t.Fatalf("%+v, %v", opts, err)
	}
}

func TestOptionsOutOfBoundsAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"--socket", "/s", "--seconds", "0"},
		{"--socket", "/s", "--seconds", "NaN"},
		{"--socket", "/s", "--seconds", "601"},
		{"--socket", "/s", "--goroutines", "0"},
		{"--socket", "/s", "--goroutines", "1,,2"},
		{"--socket", "/s", "--goroutines", "10001"},
		{"--socket", "/s", "stray"},
		{"--socket", "/s", "--sidecar", "./s"},
		{"--socket", "/s", "--codec", ""},
		{"--socket", "/s", "--codec", "pigeon"},
		{"--socket", "/s", "--codec", "json,json"},
	} {
		if _, err := parseOptions(args); err == nil {
			t.Errorf("%q accepted", args)
		}
	}
}
