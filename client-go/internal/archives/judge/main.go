// Command judge is Go's side of the differential test of the fixed types.
package main

import (
	"github.com/outrigger-ipc/outrigger/client-go/internal/archives"
	"github.com/outrigger-ipc/outrigger/client-go/internal/differential"
)

func main() { differential.Main(archives.Kinds) }
