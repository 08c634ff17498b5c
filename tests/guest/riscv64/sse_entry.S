/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of software events. a6 = hart, a7 = struct sse_context *, whose first words are the stack pointer that was interrupted, and
 * the top of the event's own stack. All registers but a6 and a7 are the interrupted ones.
 */
#define SSE_EXTENSION 0x535345
#define SSE_COMPLETE 6
#define HSM_EXTENSION 0x48534d
#define FRAME_SIZE 272

	.option norelax
	.text
	.balign	4
	.globl	sse_entry
sse_entry:
	sd	sp, 0(a7)
	ld	sp, 8(a7)
	addi	sp, sp, -FRAME_SIZE
	.irp	n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, (8 * \n)(sp)
	.endr
	sd	a7, (8 * 17)(sp)
	mv	a0, a7
	mv	a1, a6
	call	sse_event
	ld	a7, (8 * 17)(sp)
	.irp	n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	x\n, (8 * \n)(sp)
	.endr
	ld	sp, 0(a7)
	li	a6, SSE_COMPLETE
	li	a7, SSE_EXTENSION
	ecall
	unimp

/*
 * void sse_user_loop(volatile uint64_t *reached): goes to user mode, where it sets @reached, and stays there, until a handler has it
 * go on at sse_user_out in supervisor mode.
 */
	.globl	sse_user_loop
sse_user_loop:
	lla	t0, sse_user_code
	csrw	sepc, t0
	li	t0, 0x100			/* SPP */
	csrc	sstatus, t0
	li	t0, 1
	sret
	.globl	sse_user_code
sse_user_code:
	sd	t0, 0(a0)
	j	sse_user_code
	.globl	sse_user_out
sse_user_out:
	ret

/*
 * void sse_wait(const volatile uint64_t *count): wait in WFI until @count is not 0. A handler, which counts, may come between the look
 * at it and the WFI: it has what it interrupts from sse_wait_code on go on at sse_wait_out.
 */
	.globl	sse_wait, sse_wait_code
sse_wait:
sse_wait_code:
	ld	t0, 0(a0)
	bnez	t0, sse_wait_out
	wfi
	j	sse_wait_code
	.globl	sse_wait_out
sse_wait_out:
	ret

/* int64_t sse_suspend(const volatile uint64_t *count): the same in a retentive suspend; its error, if it has one. */
	.globl	sse_suspend, sse_suspend_code
sse_suspend:
	mv	t0, a0
	li	a0, 0
sse_suspend_code:
	ld	t1, 0(t0)
	bnez	t1, sse_suspend_out
	li	a1, 0
	li	a2, 0
	li	a6, 3
	li	a7, HSM_EXTENSION
	ecall
	beqz	a0, sse_suspend_code
	.globl	sse_suspend_out
sse_suspend_out:
	ret

/*
 * bool sse_keeps_registers(uint64_t event, uint64_t hart): inject the event, and see that all registers but a0 and a1 come back as they
 * were: each is first given a value of its own.
 */
	.globl	sse_keeps_registers
sse_keeps_registers:
	addi	sp, sp, -128
	sd	ra, 0(sp)
	sd	gp, 8(sp)
	sd	tp, 16(sp)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	sd	s\n, (24 + 8 * \n)(sp)
	.endr
	.irp	n, 1,3,5,6,7,8,9,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	li	x\n, 0x1234500 + \n
	.endr
	li	a6, 7				/* inject */
	li	a7, SSE_EXTENSION
	ecall
	addi	sp, sp, -16
	sd	a0, 0(sp)
	.irp	n, 1,3,5,6,7,8,9,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	li	a0, 0x1234500 + \n
	bne	x\n, a0, 1f
	.endr
	li	a0, 7
	bne	a6, a0, 1f
	li	a0, SSE_EXTENSION
	bne	a7, a0, 1f
	ld	a0, 0(sp)
	seqz	a0, a0
	j	2f
1:	li	a0, 0
2:	addi	sp, sp, 16
	ld	ra, 0(sp)
	ld	gp, 8(sp)
	ld	tp, 16(sp)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	ld	s\n, (24 + 8 * \n)(sp)
	.endr
	addi	sp, sp, 128
	ret

	.section .note.GNU-stack, "", @progbits
