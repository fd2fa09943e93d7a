package main

import (
	"slices"
	"testing"
	"time"
)

func TestOptionsAreRead(t *testing.T) {
	opts, err := parseOptions([]string{"--socket", "/s", "--seconds", "0.5", "--goroutines", "2,8"})
	if err != nil || opts.socket != "/s" || opts.duration != 500*time.Millisecond ||
		!slices.Equal(opts.goroutines, []int{2, 8}) {
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
	} {
		if _, err := parseOptions(args); err == nil {
			t.Errorf("%q accepted", args)
		}
	}
}
