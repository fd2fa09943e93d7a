//go:build !race

#include "textflag.h"

// func StoreRelease32(word *atomic.Uint32, value uint32)
TEXT ·StoreRelease32(SB), NOSPLIT, $0-12
	MOVQ word+0(FP), AX
	MOVL value+8(FP), CX
	MOVL CX, (AX)
	RET

// func StoreRelease64(word *atomic.Uint64, value uint64)
TEXT ·StoreRelease64(SB), NOSPLIT, $0-16
	MOVQ word+0(FP), AX
	MOVQ value+8(FP), CX
	MOVQ CX, (AX)
	RET

// func storeThenLoad(word *atomic.Uint32, value uint32, other *atomic.Uint64) uint64
//
// A locked instruction is a full fence here, and cheaper than MFENCE.
TEXT ·storeThenLoad(SB), NOSPLIT, $8-32
	MOVQ word+0(FP), AX
	MOVL value+8(FP), CX
	MOVQ other+16(FP), DX
	MOVL CX, (AX)
	LOCK
	ADDQ $0, (SP)
	MOVQ (DX), AX
	MOVQ AX, ret+24(FP)
	RET
