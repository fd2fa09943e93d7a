//go:build !race

package outrigger

const raceEnabled = false
