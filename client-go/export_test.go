package outrigger

// RaceEnabled tells the tests outside this package whether the race detector runs.
const RaceEnabled = raceEnabled
