module github.com/outrigger-ipc/outrigger/examples/sigverify/node

go 1.26.4

require (
	github.com/c2sp/wycheproof v0.0.0-20260902155932-3fa63dd0344a
	github.com/outrigger-ipc/outrigger/client-go v0.0.0
)

require golang.org/x/sys v0.47.0 // indirect

replace github.com/outrigger-ipc/outrigger/client-go => ../../../client-go
