module github.com/outrigger-ipc/outrigger/client-go

go 1.25.0

require golang.org/x/sys v0.47.0
