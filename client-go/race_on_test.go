//go:build race

package outrigger

const raceEnabled = true
