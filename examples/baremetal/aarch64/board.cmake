# SPDX-License-Identifier: BSD-2-Clause
set(board_sources
  aarch64/start.S
  aarch64/vectors.S
  aarch64/canary.S
  aarch64/board.c
  aarch64/canary.c
  aarch64/gic.c
  aarch64/trap.c
  aarch64/uart.c)
set(board_options -march=armv8-a -mgeneral-regs-only -mno-outline-atomics)
# Where RAM starts on QEMU's virt, plus what the image's header asks for.
set(board_definitions IMAGE_OFFSET=0x200000 LINK_ADDRESS=0x40200000)
set(board_link_options -Wl,--defsym=LINK_ADDRESS=0x40200000)
